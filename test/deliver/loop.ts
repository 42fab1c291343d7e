/** Generations of which every file says which one it belongs to. Imported by the programs too: no test runner here. */
import type { Generation } from "../../src/types.ts";

export const LOOP_FILES = 6;
const LENGTH = 20_000;

export function loopGeneration(n: number): Generation {
  const id = (n % 16).toString(16).repeat(16);
  const bytes = Buffer.from(id.repeat(LENGTH / id.length));
  const files = Array.from({ length: LOOP_FILES }, (_, index): [string, Uint8Array] => [`KEY_${index}`, bytes]);
  return { volume: "bot1-secrets", id, files: new Map(files), bundleDigest: null };
}

/** Null: whole, and every file from the same generation. */
export function torn(texts: readonly string[]): string | null {
  const [first = ""] = texts;
  if (texts.length !== LOOP_FILES) return `${texts.length} files`;
  if (texts.some((text) => text !== first)) return "files of two generations";
  return tornFile(first);
}

export function tornFile(text: string): string | null {
  return text.length === LENGTH && new Set(text).size === 1 ? null : "part of a file";
}
