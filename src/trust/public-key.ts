/**
 * SSH public keys and what they verify, over node:crypto: ed25519, ECDSA on the NIST curves, RSA, and the keys of
 * security tokens (PROTOCOL.u2f of OpenSSH). Whatever else there is has a name, and is refused by it.
 */
import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { fromWire, type WireReader } from "../ssh-wire.ts";

export interface PublicKey {
  readonly type: string;
  /** As it stands, in base64, in a line of a key file. */
  readonly blob: Buffer;
  /** As ssh-keygen -l prints it. */
  readonly fingerprint: string;
  /** Whether `signature` (its own type, then its parts) is one of `data`. */
  readonly verifies: (signature: Uint8Array, data: Uint8Array) => boolean;
}

export interface KeyFault {
  readonly fault: string;
}

/** ssh-keygen takes 1024 bits; those were given up long ago. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 16_384;

interface Curve {
  readonly jwk: string;
  readonly hash: string;
  /** Bytes of one coordinate. */
  readonly size: number;
}

export const CURVES: Readonly<Record<string, Curve>> = {
  nistp256: { jwk: "P-256", hash: "sha256", size: 32 },
  nistp384: { jwk: "P-384", hash: "sha384", size: 48 },
  nistp521: { jwk: "P-521", hash: "sha512", size: 66 },
};

/** Of the signature's type; `ssh-rsa` itself means SHA-1. */
const RSA_HASHES: Readonly<Record<string, string>> = { "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" };

type Reader = (wire: WireReader, type: string) => PublicKey["verifies"] | KeyFault;

const READERS: Readonly<Record<string, Reader>> = {
  "ssh-ed25519": readEd25519,
  "ecdsa-sha2-nistp256": readEcdsa,
  "ecdsa-sha2-nistp384": readEcdsa,
  "ecdsa-sha2-nistp521": readEcdsa,
  "ssh-rsa": readRsa,
  "sk-ssh-ed25519@openssh.com": readTokenEd25519,
  "sk-ecdsa-sha2-nistp256@openssh.com": readTokenEcdsa,
};

export const KEY_TYPES: readonly string[] = Object.keys(READERS);

/** A word that stands where a key's type does, supported or not. */
export const isKeyType = (word: string): boolean =>
  /^(?:sk-)?(?:ssh|ecdsa-sha2)-[a-z0-9-]+(?:@openssh\.com)?$/.test(word);

export function parsePublicKey(blob: Uint8Array): PublicKey | KeyFault {
  const type = fromWire(blob, (wire) => {
    const text = wire.text();
    wire.rest();
    return text;
  });
  const read = type === null || !Object.hasOwn(READERS, type) ? undefined : READERS[type];
  if (type === null || !isKeyType(type)) return { fault: "it holds no SSH key" };
  if (read === undefined) return { fault: `keys of the type ${type} are not supported: use ${KEY_TYPES.join(", ")}` };
  const verifies = fromWire(blob, (wire) => read(wire, wire.text()));
  if (verifies === null) return { fault: `its ${type} key is damaged` };
  if ("fault" in verifies) return verifies;
  return { type, blob: Buffer.from(blob), fingerprint: fingerprintOf(blob), verifies };
}

function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

function readEd25519(wire: WireReader, type: string): PublicKey["verifies"] | KeyFault {
  const key = ed25519(wire.string());
  if (key === null) return damaged(type);
  return (signature, data) => {
    const raw = typed(signature, type, (parts) => parts.string());
    return raw !== null && verify(null, data, key, raw);
  };
}

function readEcdsa(wire: WireReader, type: string): PublicKey["verifies"] | KeyFault {
  const name = wire.text();
  const curve = CURVES[name];
  const key = curve === undefined || !type.endsWith(`-${name}`) ? null : ec(curve, wire.string());
  if (curve === undefined || key === null) return damaged(type);
  return (signature, data) => {
    const inner = typed(signature, type, (parts) => parts.string());
    return inner !== null && verifiesEcdsa(curve, key, inner, data);
  };
}

function readRsa(wire: WireReader, type: string): PublicKey["verifies"] | KeyFault {
  const [e, n] = [wire.number(), wire.number()];
  const bits = n.length === 0 ? 0 : n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
  if (bits < MIN_RSA_BITS) return { fault: `its RSA key has ${bits} bits: ${MIN_RSA_BITS} are the least` };
  const key = bits > MAX_RSA_BITS ? null : importKey({ kty: "RSA", e: base64url(e), n: base64url(n) });
  if (key === null) return damaged(type);
  return (signature, data) => {
    const found = fromWire(signature, (parts) => ({ type: parts.text(), raw: parts.string() }));
    const hash = found === null ? undefined : RSA_HASHES[found.type];
    if (found === null || hash === undefined || found.raw.length > n.length) return false;
    // OpenSSH takes one whose leading zeros were left out.
    return verify(hash, data, key, padded(found.raw, n.length));
  };
}

function readTokenEd25519(wire: WireReader, type: string): PublicKey["verifies"] | KeyFault {
  const key = ed25519(wire.string());
  const application = wire.string();
  if (key === null) return damaged(type);
  return (signature, data) => {
    const found = typed(signature, type, (parts) => ({ raw: parts.string(), seen: parts.take(FLAGS_AND_COUNTER) }));
    return found !== null && verify(null, tokenData(application, found.seen, data), key, found.raw);
  };
}

function readTokenEcdsa(wire: WireReader, type: string): PublicKey["verifies"] | KeyFault {
  const curve = CURVES[wire.text()];
  const key = curve?.jwk === "P-256" ? ec(curve, wire.string()) : null;
  if (curve === undefined || key === null) return damaged(type);
  const application = wire.string();
  return (signature, data) => {
    const found = typed(signature, type, (parts) => ({ inner: parts.string(), seen: parts.take(FLAGS_AND_COUNTER) }));
    return found !== null && verifiesEcdsa(curve, key, found.inner, tokenData(application, found.seen, data));
  };
}

/** One byte that says whether somebody touched the token, which ssh-keygen does not ask for either, and four of a counter. */
const FLAGS_AND_COUNTER = 5;

function tokenData(application: Uint8Array, seen: Uint8Array, data: Uint8Array): Buffer {
  return Buffer.concat([sha256(application), seen, sha256(data)]);
}

function verifiesEcdsa({ hash, size }: Curve, key: KeyObject, inner: Uint8Array, data: Uint8Array): boolean {
  const parts = fromWire(inner, (wire) => [wire.number(), wire.number()]);
  if (parts === null || parts.some((part) => part.length > size)) return false;
  const raw = Buffer.concat(parts.map((part) => padded(part, size)));
  return verify(hash, data, { key, dsaEncoding: "ieee-p1363" }, raw);
}

/** The parts of a signature that says to be of this type; null: it is another one, or damaged. */
function typed<T>(signature: Uint8Array, type: string, read: (parts: WireReader) => T): T | null {
  return fromWire(signature, (parts) => {
    const isOurs = parts.text() === type;
    const found = read(parts);
    return isOurs ? found : null;
  });
}

function ed25519(point: Uint8Array): KeyObject | null {
  return importKey({ kty: "OKP", crv: "Ed25519", x: base64url(point) });
}

function ec({ jwk, size }: Curve, point: Uint8Array): KeyObject | null {
  if (point.length !== 1 + 2 * size || point[0] !== 4) return null;
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return importKey({ kty: "EC", crv: jwk, x: base64url(x), y: base64url(y) });
}

function importKey(key: JsonWebKey): KeyObject | null {
  try {
    return createPublicKey({ format: "jwk", key });
  } catch {
    return null;
  }
}

export function padded(bytes: Uint8Array, size: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, size - bytes.length)), bytes]);
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function damaged(type: string): KeyFault {
  return { fault: `its ${type} key is damaged` };
}
