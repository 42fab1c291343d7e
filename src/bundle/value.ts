/**
 * One encrypted value (sops.md §3): AES-256-GCM with a 32-byte IV, the tag apart, the path as additional data.
 * Reads only what sops writes: the whole text, canonical base64, full tag.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const IV_BYTES = 32;
const TAG_BYTES = 16;
export const DATA_KEY_BYTES = 32;
const BASE64 = "([A-Za-z0-9+/]+={0,2})";
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
  const [, data64 = "", iv64 = "", tag64 = "", type = ""] = ENC.exec(text) ?? [];
  const [data, iv, tag] = [decodeBase64(data64), decodeBase64(iv64), decodeBase64(tag64)];
  if (data === null || iv?.length !== IV_BYTES || tag?.length !== TAG_BYTES) return null;
  return { data, iv, tag, type };
}

/**
 * Of characters that are all base64's own, padding only at the end: what is left to be wrong is a length that is no
 * multiple of four, and bits in the last character that belong to no byte, which Node's decoder would pass over.
 */
function decodeBase64(text: string): Buffer | null {
  const last = text.slice(-4);
  const isCanonical = text.length % 4 === 0 && Buffer.from(last, "base64").toString("base64") === last;
  return isCanonical && text !== "" ? Buffer.from(text, "base64") : null;
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
