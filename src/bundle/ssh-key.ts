/**
 * SSH keys as age takes them (sops.md §6.4): a line of `authorized_keys`, and a private key in OpenSSH's own format
 * (openssh/PROTOCOL.key) without a passphrase. Text in, exact types out; no character of a private key is repeated.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { SidecryptError } from "../errors.ts";
import { WireReader } from "../ssh-wire.ts";

export type SshPublicKey =
  | { readonly kind: "ssh-ed25519"; readonly wire: Buffer; readonly point: Buffer }
  | { readonly kind: "ssh-rsa"; readonly wire: Buffer; readonly key: KeyObject };

/** `secret` is what only its owner has: the seed, or the private exponent. */
export type SshPrivateKey = { readonly secret: Buffer } & (
  | { readonly kind: "ssh-ed25519"; readonly wire: Buffer; readonly point: Buffer }
  | { readonly kind: "ssh-rsa"; readonly wire: Buffer; readonly key: KeyObject }
);

const MAGIC = Buffer.from("openssh-key-v1\0");
const ARMOR = /^-----BEGIN OPENSSH PRIVATE KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END OPENSSH PRIVATE KEY-----\s*$/;
const RECIPIENT = /^(ssh-ed25519|ssh-rsa) ([A-Za-z0-9+/]+={0,2})(?: [^\0\r\n]*)?$/;
const SEED_BYTES = 32;
/** age encrypts to no shorter one (filippo.io/age/agessh). */
const MIN_RSA_BITS = 2048;
/** Above it one line of a bundle would cost seconds. */
const MAX_RSA_BITS = 16384;

/** It takes the passphrase off too. */
const REWRITE = "rewrite a copy in OpenSSH's own form, without a passphrase: ssh-keygen -p -N '' -f COPY";

/** Null: no SSH key that age encrypts to. */
export function parseSshRecipient(text: string): SshPublicKey | null {
  const [, kind, base64 = ""] = RECIPIENT.exec(text) ?? [];
  const wire = Buffer.from(base64, "base64");
  if (kind === undefined || wire.toString("base64") !== base64) return null;
  try {
    const key = readPublicKey(new WireReader(wire), wire);
    return key?.kind === kind ? key : null;
  } catch {
    return null;
  }
}

/** The line of `authorized_keys` without a comment. */
export function sshRecipientText({ kind, wire }: { readonly kind: string; readonly wire: Buffer }): string {
  return `${kind} ${wire.toString("base64")}`;
}

/**
 * @param path - for messages only.
 * @throws SidecryptError key-malformed, by the shape of the file alone.
 */
export function parseSshPrivateKey(text: string, path: string): SshPrivateKey {
  const base64 = ARMOR.exec(text.trimStart())?.[1];
  if (base64 === undefined) throw malformed(path, ...shapeFault(text.trimStart(), path));
  const blob = Buffer.from(base64, "base64");
  try {
    return readPrivateKey(new WireReader(blob), path);
  } catch (thrown) {
    if (thrown instanceof SidecryptError) throw thrown;
    throw malformed(path, "a damaged SSH key", "copy the file again, whole");
  } finally {
    blob.fill(0);
  }
}

function readPrivateKey(file: WireReader, path: string): SshPrivateKey {
  if (!file.take(MAGIC.length).equals(MAGIC)) throw new RangeError("magic");
  const [cipher, kdf] = [file.text(), file.text()];
  file.string();
  if (cipher !== "none" || kdf !== "none") {
    throw malformed(path, "an SSH key under a passphrase", REWRITE);
  }
  if (file.uint32() !== 1) throw new RangeError("keys");
  const wire = Buffer.from(file.string());
  const body = new WireReader(file.string());
  // Two equal numbers tell a decrypted key from noise; where nothing is encrypted, they still find a damaged file.
  if (body.uint32() !== body.uint32()) throw new RangeError("check");
  const kind = body.text();
  if (kind === "ssh-ed25519") return readEd25519(body, wire);
  if (kind === "ssh-rsa") return readRsa(body, wire, path);
  const known = /^(?:ssh-dss|ecdsa-sha2-nistp\d{3}|sk-[a-z0-9-]+@openssh\.com)$/.test(kind) ? kind : "of another kind";
  throw malformed(path, `an SSH key that age does not take (${known})`, "age takes ssh-ed25519 and ssh-rsa");
}

function readEd25519(body: WireReader, wire: Buffer): SshPrivateKey {
  const point = Buffer.from(body.string());
  const pair = body.string();
  const named = readPublicKey(new WireReader(wire), wire);
  const fits = named?.kind === "ssh-ed25519" && named.point.equals(point) && point.equals(pair.subarray(SEED_BYTES));
  if (!fits) throw new RangeError("the halves differ");
  return { kind: "ssh-ed25519", wire, point, secret: Buffer.from(pair.subarray(0, SEED_BYTES)) };
}

function readRsa(body: WireReader, wire: Buffer, path: string): SshPrivateKey {
  const [n, e, d, qi, p, q] = [
    body.number(),
    body.number(),
    body.number(),
    body.number(),
    body.number(),
    body.number(),
  ];
  const named = readPublicKey(new WireReader(wire), wire);
  if (named === null) throw malformed(path, "an ssh-rsa key of a size that age does not take", "2048 bits or more");
  const jwk = { n, e, d, p, q, qi, dp: remainder(d, p), dq: remainder(d, q) };
  const text = Object.fromEntries(Object.entries(jwk).map(([name, bytes]) => [name, bytes.toString("base64url")]));
  const key = createPrivateKey({ key: { kty: "RSA", ...text }, format: "jwk" });
  if (named.kind !== "ssh-rsa" || !createPublicKey(key).equals(named.key)) throw new RangeError("the halves differ");
  return { kind: "ssh-rsa", wire, key, secret: Buffer.from(d) };
}

/** OpenSSH leaves out what follows from the others: d modulo (prime - 1). */
function remainder(d: Buffer, prime: Buffer): Buffer {
  const value = toBigInt(d) % (toBigInt(prime) - 1n);
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

/** Null: a kind or a size that age does not encrypt to. */
function readPublicKey(file: WireReader, wire: Buffer): SshPublicKey | null {
  const kind = file.text();
  if (kind === "ssh-ed25519") {
    const point = Buffer.from(file.string());
    return point.length === SEED_BYTES && file.rest().length === 0 ? { kind, wire, point } : null;
  }
  if (kind !== "ssh-rsa") return null;
  const [e, n] = [file.number(), file.number()];
  const bits = n.length * 8;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || file.rest().length > 0) return null;
  const jwk = { kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") };
  return { kind, wire, key: createPublicKey({ key: jwk, format: "jwk" }) };
}

function shapeFault(text: string, path: string): [what: string, hint: string] {
  const pem = /^-----BEGIN ([A-Z ]{0,20})PRIVATE KEY-----/.exec(text)?.[1];
  if (pem === "OPENSSH ") return ["a damaged SSH key", "copy the file again, whole"];
  if (pem === "ENCRYPTED ") return ["an SSH key under a passphrase, in PEM form", REWRITE];
  if (pem !== undefined) return ["an SSH key in PEM form", REWRITE];
  if (/^ssh-|^ecdsa-/.test(text)) return ["the public half of an SSH key", "name the private one, without .pub"];
  if (/^(?:#|AGE-|age-|-----BEGIN AGE)/.test(text)) return ["an age key file", `name ${path} in SOPS_AGE_KEY_FILE`];
  return ["no SSH private key", "make one with: ssh-keygen -t ed25519 -N '' -f FILE"];
}

function malformed(path: string, what: string, hint: string): SidecryptError {
  return new SidecryptError("key-malformed", `${path} holds ${what}`, hint);
}
