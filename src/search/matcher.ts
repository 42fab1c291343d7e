/**
 * Finds many patterns in one pass, and looks at few of the bytes (Wu and Manber, "A fast algorithm for multi-pattern
 * searching", 1994): the shortest pattern's length is the width of a window, a table tells by the window's last four
 * bytes how far it may move, and only where it may not move is a pattern compared.
 */

/** Bytes that are hashed at once: few texts share four, so most windows move by nearly their whole width. */
const BLOCK = 4;
/** A wider window would move further, but fill the table with more blocks of each pattern. */
const MAX_WINDOW = 48;
const MIN_BITS = 12;
/** Beyond this the table leaves the processor's second cache. */
const MAX_BITS = 18;
/** Slots of the table for each block that is in it. */
const SPARSE = 8;
const PRIME = 0x9e3779b1;

/** Called with a pattern's index and where it begins. */
export type Found = (pattern: number, at: number) => void;

export class Matcher {
  /** Of the longest pattern; 0 without patterns. */
  readonly longest: number;
  /** Of the shortest; no data below this length has any. */
  readonly shortest: number;
  readonly #patterns: readonly Uint8Array[];
  readonly #window: number;
  readonly #drop: number;
  /** By the hash of a window's last block: how far the window may move. */
  readonly #shift: Uint8Array;
  /** By the same, the first pattern whose window ends so; -1: none. */
  readonly #first: Int32Array;
  /** By pattern, the next one of the same hash. */
  readonly #next: Int32Array;

  /** Patterns of at least four bytes each; `widest`: bytes of the window at most, for texts that are short. */
  constructor(patterns: readonly Uint8Array[], widest = MAX_WINDOW) {
    const lengths = patterns.map((pattern) => pattern.length);
    this.longest = lengths.reduce((most, length) => Math.max(most, length), 0);
    this.shortest = lengths.reduce((least, length) => Math.min(least, length), this.longest);
    this.#patterns = patterns;
    this.#window = Math.min(this.shortest, widest);
    const free = this.#window - BLOCK + 1;
    const bits = Math.ceil(Math.log2(Math.max(1, patterns.length * free * SPARSE)));
    this.#drop = 32 - Math.min(MAX_BITS, Math.max(MIN_BITS, bits));
    this.#shift = new Uint8Array(2 ** (32 - this.#drop)).fill(free);
    this.#first = new Int32Array(this.#shift.length).fill(-1);
    this.#next = new Int32Array(patterns.length).fill(-1);
    for (const [index, pattern] of patterns.entries()) this.#enter(index, pattern);
  }

  #enter(index: number, pattern: Uint8Array): void {
    const view = new DataView(pattern.buffer, pattern.byteOffset, pattern.byteLength);
    const last = this.#window - BLOCK;
    for (let at = 0; at <= last; at++) {
      const hash = Math.imul(view.getInt32(at, true), PRIME) >>> this.#drop;
      this.#shift[hash] = Math.min(this.#shift[hash] ?? 0, last - at);
    }
    const hash = Math.imul(view.getInt32(last, true), PRIME) >>> this.#drop;
    this.#next[index] = this.#first[hash] ?? -1;
    this.#first[hash] = index;
  }

  /** Every place of every pattern in the data, by the end of its window. */
  find(data: Uint8Array, found: Found): void {
    if (this.#patterns.length === 0) return;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const [shift, drop, end] = [this.#shift, this.#drop, data.byteLength - BLOCK];
    let at = this.#window - BLOCK;
    while (at <= end) {
      const hash = Math.imul(view.getInt32(at, true), PRIME) >>> drop;
      const move = shift[hash] ?? 0;
      if (move === 0) this.#compare(data, at - this.#window + BLOCK, hash, found);
      at += move === 0 ? 1 : move;
    }
  }

  #compare(data: Uint8Array, start: number, hash: number, found: Found): void {
    for (let index = this.#first[hash] ?? -1; index >= 0; index = this.#next[index] ?? -1) {
      const pattern = this.#patterns[index];
      if (pattern !== undefined && startsWith(data, start, pattern)) found(index, start);
    }
  }
}

function startsWith(data: Uint8Array, start: number, pattern: Uint8Array): boolean {
  if (start + pattern.length > data.length) return false;
  for (let index = 0; index < pattern.length; index++) {
    if (data[start + index] !== pattern[index]) return false;
  }
  return true;
}
