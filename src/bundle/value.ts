/**
 * One encrypted value (sops.md §3): AES-256-GCM with a 32-byte IV, the tag apart, the path as additional data.
 * Reads only what sops writes: the whole text, canonical base64, full tag.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const IV_BYTES = 32;
const TAG_BYTES = 16;
export const DATA_KEY_BYTES = 32;
/**
 * Padded, and no bits in the last character that belong to no byte: Node's decoder would pass over those, and over
 * whatever else is not base64.
 */
const BASE64 =
  "((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]{2}|[AEIMQUYcgkosw048]=)|[A-Za-z0-9+/][AQgw]==))";
const ENC = new RegExp(`^ENC\\[AES256_GCM,data:${BASE64},iv:${BASE64},tag:${BASE64},type:([a-z]+)\\]$`);

export interface Sealed {
  readonly data: Buffer;
  readonly iv: Buffer;
  readonly tag: Buffer;
  /** Not authenticated: a forger may change it. */
  readonly type: string;
}

/** Null: not exactly the form that sops writes. */
export function parseEnc(text: string): Sealed | null {
  const found = ENC.exec(text);
  if (found === null) return null;
  const [, data64 = "", iv64 = "", tag64 = "", type = ""] = found;
  const iv = Buffer.from(iv64, "base64");
  const tag = Buffer.from(tag64, "base64");
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return null;
  return { data: Buffer.from(data64, "base64"), iv, tag, type };
}

/** Null: the tag does not fit the key, the additional data and the bytes. */
export function decryptValue(sealed: Sealed, dataKey: Buffer, aad: string): Buffer | null {
  // Without authTagLength Node accepts tags cut down to 4 bytes.
  const decipher = createDecipheriv("aes-256-gcm", dataKey, sealed.iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(aad, "latin1")).setAuthTag(sealed.tag);
  const bytes = decipher.update(sealed.data);
  try {
    decipher.final();
    return bytes;
  } catch {
    bytes.fill(0);
    return null;
  }
}

/** Always under a fresh IV: one IV for two texts under one data key would give both away. */
export function encryptValue(plaintext: Uint8Array, dataKey: Buffer, aad: string, type: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", dataKey, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(aad, "latin1"));
  const data = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const [data64, iv64, tag64] = [data, iv, cipher.getAuthTag()].map((bytes) => bytes.toString("base64"));
  return `ENC[AES256_GCM,data:${data64},iv:${iv64},tag:${tag64},type:${type}]`;
}

/** What binds a value to its keys. The empty path, which top-level comments have, gives a bare colon. */
export function pathAad(path: readonly string[]): string {
  return `${path.join(":")}:`;
}
