/** What targets are, and what they share. */
import { readFileSync } from "node:fs";

export interface Target {
  readonly name: string;
  /** Exported functions that it goes through, as the test that lists parsers names them. */
  readonly covers: readonly string[];
  readonly seeds: readonly (string | Uint8Array)[];
  readonly words: readonly string[];
  /** Throws SidecryptError for what is refused, Broken for an answer that is wrong. */
  readonly run: (input: Buffer) => unknown;
}

/** An answer that is wrong. */
export class Broken extends Error {}

export const vector = (name: string): Buffer => readFileSync(new URL(`../vectors/${name}`, import.meta.url));
export const text = (input: Buffer): string => input.toString("utf8");
