/** Private keys in OpenSSH's own format (PROTOCOL.key), to sign with. Not a byte of one is repeated anywhere. */
import { createPrivateKey, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { base64url, CURVES, padded } from "./public-key.ts";
import { armor, NAMESPACE, signedData } from "./signature.ts";
import { exactBase64, fromWire, number, string, type WireReader } from "../ssh-wire.ts";

export interface SigningKey {
  /** The text of the file that `ssh-keygen -Y sign -n sidecrypt` would write. */
  readonly sign: (message: Uint8Array) => string;
}

const ARMOR = /^-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----\s*$/;
const MAGIC = Buffer.from("openssh-key-v1\0");
/** As ssh-keygen chooses. */
const HASH = "sha512";

type SignRaw = (data: Uint8Array) => Buffer;

const READERS: Readonly<Record<string, (wire: WireReader, type: string) => SignRaw | null>> = {
  "ssh-ed25519": readEd25519,
  "ecdsa-sha2-nistp256": readEcdsa,
  "ecdsa-sha2-nistp384": readEcdsa,
  "ecdsa-sha2-nistp521": readEcdsa,
  "ssh-rsa": readRsa,
};

/** Null: in another format, under a passphrase, in a security token, or not a private key at all. */
export function parseSigningKey(text: string): SigningKey | null {
  const blob = exactBase64(ARMOR.exec(text)?.[1]?.replace(/\s+/g, "") ?? "");
  if (blob === null) return null;
  const file = fromWire(blob, (wire) => {
    const isOurs = wire.take(MAGIC.length).equals(MAGIC);
    const [cipher, kdf, , count] = [wire.text(), wire.text(), wire.string(), wire.uint32()];
    return {
      isPlain: isOurs && cipher === "none" && kdf === "none" && count === 1,
      key: wire.string(),
      secret: wire.string(),
    };
  });
  const signRaw = file?.isPlain === true ? fromWire(file.secret, readSecret) : null;
  if (file === null || signRaw === null) return null;
  return {
    sign: (message) => armor(file.key, NAMESPACE, HASH, signRaw(signedData(NAMESPACE, HASH, message))),
  };
}

function readSecret(wire: WireReader): SignRaw | null {
  const checks = [wire.uint32(), wire.uint32()];
  const type = wire.text();
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  const found = checks[0] === checks[1] && read !== undefined ? read(wire, type) : null;
  // A comment, and padding.
  wire.rest();
  return found;
}

function readEd25519(wire: WireReader, type: string): SignRaw | null {
  const [point, secret] = [wire.string(), wire.string()];
  const jwk = { kty: "OKP", crv: "Ed25519", x: base64url(point), d: base64url(secret.subarray(0, 32)) };
  const key = importKey(jwk);
  return key === null ? null : (data) => Buffer.concat([string(type), string(sign(null, data, key))]);
}

function readEcdsa(wire: WireReader, type: string): SignRaw | null {
  const [curve, point, secret] = [CURVES[wire.text()], wire.string(), wire.number()];
  if (curve === undefined || point.length !== 1 + 2 * curve.size) return null;
  const { jwk: crv, hash, size } = curve;
  const [x, y] = [base64url(point.subarray(1, 1 + size)), base64url(point.subarray(1 + size))];
  const key = importKey({ kty: "EC", crv, x, y, d: base64url(padded(secret, size)) });
  if (key === null) return null;
  return (data) => {
    const raw = sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
    const parts = Buffer.concat([number(raw.subarray(0, size)), number(raw.subarray(size))]);
    return Buffer.concat([string(type), string(parts)]);
  };
}

function readRsa(wire: WireReader): SignRaw | null {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => wire.number());
  if (n === undefined || e === undefined || d === undefined || qi === undefined || !p?.length || !q?.length)
    return null;
  const [dp, dq] = [p, q].map((prime) => base64url(bytesOf(bigOf(d) % (bigOf(prime) - 1n))));
  const rest = { d: base64url(d), p: base64url(p), q: base64url(q), qi: base64url(qi), dp: dp ?? "", dq: dq ?? "" };
  const key = importKey({ kty: "RSA", n: base64url(n), e: base64url(e), ...rest });
  return key === null ? null : (data) => Buffer.concat([string("rsa-sha2-512"), string(sign("sha512", data, key))]);
}

function importKey(key: JsonWebKey): KeyObject | null {
  try {
    return createPrivateKey({ format: "jwk", key });
  } catch {
    return null;
  }
}

function bigOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function bytesOf(big: bigint): Buffer {
  const hex = big.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
}
