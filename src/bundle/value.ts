/**
 * One encrypted value (sops.md §3): AES-256-GCM with a 32-byte IV, the tag apart, the path as additional data.
 * Reads only what sops writes: the whole text, canonical base64, full tag.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const IV_BYTES = 32;
const TAG_BYTES = 16;
export const DATA_KEY_BYTES = 32;
/** What stands before the ciphertext, the IV, the tag and the type: none of it is base64. */
const MARKS = ["ENC[AES256_GCM,data:", ",iv:", ",tag:", ",type:"] as const;
const TYPE = /^[a-z]+$/;

export interface Sealed {
  readonly data: Buffer;
  readonly iv: Buffer;
  readonly tag: Buffer;
  /** Not authenticated: a forger may change it. */
  readonly type: string;
}

/** Null: not exactly the form that sops writes. By searching: a pattern would be run step by step where nothing is compiled. */
export function parseEnc(text: string): Sealed | null {
  const [before, beforeIv, beforeTag, beforeType] = MARKS;
  if (!text.startsWith(before) || !text.endsWith("]")) return null;
  const ivAt = text.indexOf(beforeIv, before.length);
  const tagAt = text.indexOf(beforeTag, ivAt);
  const typeAt = text.indexOf(beforeType, tagAt);
  if (ivAt < 0 || tagAt < 0 || typeAt < 0) return null;
  const type = text.slice(typeAt + beforeType.length, -1);
  const data = decodeBase64(text.slice(before.length, ivAt));
  const iv = decodeBase64(text.slice(ivAt + beforeIv.length, tagAt));
  const tag = decodeBase64(text.slice(tagAt + beforeTag.length, typeAt));
  if (data === null || iv?.length !== IV_BYTES || tag?.length !== TAG_BYTES || !TYPE.test(type)) return null;
  return { data, iv, tag, type };
}

/**
 * Null: empty, or not the one text of these bytes: padded, and no bits in the last character that belong to no byte.
 * Node's decoder would pass over those, and over whatever else is not base64.
 */
function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return text !== "" && bytes.toString("base64") === text ? bytes : null;
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
