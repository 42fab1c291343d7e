/** Runs of the characters that base64, hex and tokens are made of, found without a look at every byte. */

export const ALPHABET = alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
export const HEX = alphabet("0123456789abcdefABCDEF");

export function alphabet(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}

/** By two bytes: 0 where both are of the alphabet, otherwise how far before its end the last lies that is not. */
export const otherInPair = (known: Uint8Array): Uint8Array =>
  new Uint8Array(2 ** 16).map((_, pair) => {
    if (known[pair >> 8] !== 1) return 1;
    return known[pair & 0xff] === 1 ? 0 : 2;
  });
const OTHER_IN_PAIR = otherInPair(ALPHABET);

type Found = (start: number, end: number) => void;

export function eachRun(data: Uint8Array, least: number, found: Found): void {
  eachRunOf(ALPHABET, OTHER_IN_PAIR, data, least, found);
}

/** Every run of at least `least` bytes. A run covers each place that is `least` bytes after its start: only those are tried. */
export function eachRunOf(known: Uint8Array, table: Uint8Array, data: Uint8Array, least: number, found: Found): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const length = data.byteLength;
  let start = 0;
  while (start + least <= length) {
    let at = start + least;
    let other = 0;
    // `least` is even, so that the last pair is the first two bytes.
    while (at > start && (other = table[view.getUint16(at - 2, true)] ?? 0) === 0) at -= 2;
    if (other !== 0) {
      start = at - other + 1;
      continue;
    }
    const end = endOf(data, start + least, known);
    found(start, end);
    start = end + 1;
  }
}

/** Runs of hex digits alone within a run. */
export function eachHexRun(data: Uint8Array, from: number, to: number, least: number, found: Found): void {
  let start = from;
  while (start + least <= to) {
    let at = start + least - 1;
    while (at >= start && HEX[data[at] ?? 0] === 1) at -= 1;
    if (at >= start) {
      start = at + 1;
      continue;
    }
    const end = Math.min(to, endOf(data, start + least, HEX));
    found(start, end);
    start = end + 1;
  }
}

export function endOf(data: Uint8Array, from: number, table: Uint8Array): number {
  let end = from;
  while (end < data.length && table[data[end] ?? 0] === 1) end += 1;
  return end;
}

/** Shorter lines are words, not what an encoder has wrapped. */
export const WRAPPED = 40;
const [NEWLINE, RETURN, BLANK, BACKSLASH, LETTER_N] = [10, 13, 32, 92, 110];
const MAX_INDENT = 16;

/** Behind the last line of what begins with a run: base64 is wrapped at 64 or 76 characters, in JSON by a written `\n`. */
export function endOfLines(data: Uint8Array, start: number, end: number): number {
  let [line, last] = [start, end];
  while (last - line >= WRAPPED) {
    const next = behindBreak(data, last);
    if (next === last || ALPHABET[data[next] ?? 0] !== 1) return last;
    [line, last] = [next, endOf(data, next, ALPHABET)];
  }
  return last;
}

function behindBreak(data: Uint8Array, at: number): number {
  if (data[at] === BACKSLASH && data[at + 1] === LETTER_N) return at + 2;
  const next = data[at] === RETURN ? at + 1 : at;
  if (data[next] !== NEWLINE) return at;
  let indented = next + 1;
  while (data[indented] === BLANK && indented - next <= MAX_INDENT) indented += 1;
  return indented;
}
