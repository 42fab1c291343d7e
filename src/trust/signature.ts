/** Detached SSH signatures as `ssh-keygen -Y sign` writes them (PROTOCOL.sshsig of OpenSSH, sshsig.c). */
import { createHash } from "node:crypto";
import { type KeyFault, parsePublicKey, type PublicKey } from "./public-key.ts";
import { exactBase64, fromWire, string, uint32 } from "../ssh-wire.ts";

/** What a signature is for: one that was made for git or for mail is none of a bundle. */
export const NAMESPACE = "sidecrypt";

const MAGIC = Buffer.from("SSHSIG");
const VERSION = 1;
const HASHES: readonly string[] = ["sha256", "sha512"];
const ARMOR = /^-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\s]+)\r?\n-----END SSH SIGNATURE-----\s*$/;
/** As ssh-keygen breaks its lines. */
const LINE = 70;

export interface SshSignature {
  readonly key: PublicKey;
  readonly namespace: string;
  readonly hash: string;
  /** Its type, then its parts. */
  readonly signature: Buffer;
}

export function parseSignature(bytes: Uint8Array): SshSignature | KeyFault {
  const blob = dearmor(Buffer.from(bytes).toString("latin1"));
  if (blob === null) return { fault: "it is no SSH signature" };
  const fields = fromWire(blob, (wire) => {
    const begins = [wire.take(MAGIC.length).equals(MAGIC), wire.uint32()];
    const [key, namespace] = [wire.string(), wire.string().toString("utf8")];
    // Reserved: not looked at, and empty in what was signed, as in sshsig.c.
    wire.string();
    return { begins, key, namespace, hash: wire.text(), signature: wire.string() };
  });
  if (fields?.begins[0] !== true) return { fault: "it is cut off or damaged" };
  if (fields.begins[1] !== VERSION)
    return { fault: "it is an SSH signature of a version that sidecrypt does not know" };
  if (!HASHES.includes(fields.hash)) return { fault: "it uses a hash other than sha256 and sha512" };
  const key = parsePublicKey(fields.key);
  return "fault" in key ? key : { key, namespace: fields.namespace, hash: fields.hash, signature: fields.signature };
}

export function signsMessage({ key, namespace, hash, signature }: SshSignature, message: Uint8Array): boolean {
  return key.verifies(signature, signedData(namespace, hash, message));
}

/** What is signed in place of the message itself. */
export function signedData(namespace: string, hash: string, message: Uint8Array): Buffer {
  const digest = createHash(hash).update(message).digest();
  return Buffer.concat([MAGIC, string(namespace), string(""), string(hash), string(digest)]);
}

/** The file that holds a signature over `signedData`. */
export function armor(publicKey: Uint8Array, namespace: string, hash: string, signature: Uint8Array): string {
  const parts = [string(publicKey), string(namespace), string(""), string(hash), string(signature)];
  const base64 = Buffer.concat([MAGIC, uint32(VERSION), ...parts]).toString("base64");
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
}

function dearmor(text: string): Buffer | null {
  const base64 = ARMOR.exec(text)?.[1]?.replace(/\s+/g, "");
  return base64 === undefined ? null : exactBase64(base64);
}
