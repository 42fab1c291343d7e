/**
 * What a text can hold at all, told by its longest runs of characters: to make every form of every value only to print a
 * few names would be most of what a command takes.
 */
import { MIN_DIGEST } from "../search/forms.ts";

/** Characters. */
export interface Runs {
  /** Without a blank. */
  readonly word: number;
  /** Of one base64 alphabet or the other, which hex is of too; 0: none is as long as a digest. */
  readonly token: number;
}

/** Hex in pairs and numbers with blanks between them, and UTF-16: forms that have no run. */
const BROKEN = /\0|[0-9a-f]{2}(?: [0-9a-f]{2}){5}|\d{1,3}(?:,? \d{1,3}){5}|0x[0-9a-f]{1,2}(?:, 0x[0-9a-f]{1,2}){5}/i;

export function runsOf(text: string): Runs {
  if (BROKEN.test(text)) return { word: Infinity, token: Infinity };
  const token = Math.max(longest(text, /[\w-]+/g), longest(text, /[a-z0-9+/]+/gi));
  return { word: longest(text, /[^ \t\n\r]+/g), token: token < MIN_DIGEST ? 0 : token };
}

/** Apart from its digests: of plain ASCII no form is shorter than the value, and but for the broken ones none has a blank. */
export function mayHold({ word }: Runs, value: Uint8Array): boolean {
  return value.length <= word || value.some((byte) => byte <= 0x20 || byte > 0x7e);
}

function longest(text: string, runs: RegExp): number {
  let most = 0;
  for (const [run] of text.matchAll(runs)) most = Math.max(most, run.length);
  return most;
}
