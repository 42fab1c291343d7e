/**
 * A log in parts of whole lines, each searched as a text is: a stream's search decodes only what is long, and a log line
 * is short. What lies across the border of two parts lies whole in the lines that are kept for the next.
 */
import type { Hit, Searcher } from "../search/index.ts";

const NEWLINE = 10;
/** Bytes of a part, and of what of it is searched again with the next. */
const PART = 1024 * 1024;
const KEPT = 16 * 1024;

export interface LogHit extends Hit {
  /** From 1. */
  readonly line: number;
}

export class LogSearch {
  readonly #searcher: Searcher;
  #pieces: Uint8Array[] = [];
  #size = 0;
  /** Lines that have ended before what is held. */
  #lines = 0;

  constructor(searcher: Searcher) {
    this.#searcher = searcher;
  }

  push(bytes: Uint8Array): LogHit[] {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    return this.#size < PART + KEPT ? [] : this.#look(KEPT);
  }

  end(): LogHit[] {
    return this.#look(0);
  }

  #look(keep: number): LogHit[] {
    const part = Buffer.concat(this.#pieces);
    const hits = this.#searcher
      .search(part)
      .map((hit) => ({ ...hit, line: this.#lines + countIn(part, hit.offset) + 1 }));
    // From the beginning of a line, where there is one: half a line would be another text.
    const from = part.indexOf(NEWLINE, part.length - keep) + 1 || part.length - keep;
    this.#lines += countIn(part, from);
    this.#pieces = [part.subarray(from)];
    this.#size = part.length - from;
    return hits;
  }
}

function countIn(bytes: Uint8Array, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1 && at < end; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
