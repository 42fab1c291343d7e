/** What makes two generations the same: their bytes, never the ciphertext, the identity or the version that made them. */
import { createHmac } from "node:crypto";
import type { Generation, ObservedDrop } from "../types.ts";

export type Files = ReadonlyMap<string, Uint8Array>;

/** 128 bits: nobody looks for a collision without the key, and a label stays readable. */
const ID_LENGTH = 32;

/** Keyed, so that it may stand on a label: without the key an id tells nobody which value it was made of. */
export function generationId(files: Files, key: Uint8Array): string {
  const hmac = createHmac("sha256", key).update("sidecrypt generation\0");
  for (const name of [...files.keys()].toSorted()) {
    // Each part behind its length: no two sets of names and values write the same bytes.
    for (const part of [Buffer.from(name), files.get(name) ?? new Uint8Array()]) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      hmac.update(length).update(part);
    }
  }
  return hmac.digest("hex").slice(0, ID_LENGTH);
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}

function sameFiles(a: Files, b: Files): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => sameBytes(b.get(name), bytes));
}

/** Where the bytes are the delivered ones the delivered id stays, whoever minted it: a new identity rolls nothing. */
export function mint(drop: ObservedDrop, files: Files, key: Uint8Array, bundleDigest: string): Generation {
  const standing = [drop.current, drop.previous].find((one) => one !== null && sameFiles(one.files, files));
  return { volume: drop.volume, id: standing?.id ?? generationId(files, key), files, bundleDigest };
}
