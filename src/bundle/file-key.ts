/** The file key of an age file under a key that wraps nothing else: ChaCha20-Poly1305 with a nonce of zeros. */
import { createCipheriv, createDecipheriv } from "node:crypto";

const CIPHER = "chacha20-poly1305";
const NONCE = Buffer.alloc(12);
const TAG = { authTagLength: 16 };
export const FILE_KEY_BYTES = 16;
export const WRAPPED_BYTES = FILE_KEY_BYTES + TAG.authTagLength;

export function wrapFileKey(fileKey: Uint8Array, key: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, NONCE, TAG);
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

/** Null: another key wrapped it. `body` has {@link WRAPPED_BYTES}. */
export function unwrapFileKey(body: Uint8Array, key: Uint8Array): Buffer | null {
  const decipher = createDecipheriv(CIPHER, key, NONCE, TAG);
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES));
  const fileKey = decipher.update(body.subarray(0, FILE_KEY_BYTES));
  try {
    decipher.final();
    return fileKey;
  } catch {
    return null;
  }
}
