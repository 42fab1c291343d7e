/** Bytes written as numbers that break their line, as `xxd -i` and Go's %#v do for a source file: back into their bytes. */
import { HEX } from "./runs.ts";

export interface ByteList {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
  /** Where the digits of each byte stand. */
  readonly places: readonly number[];
}

const PREFIX = Buffer.from("0x");
/** Fewer are an address or two. */
const LEAST = 6;
/** A comma, a line's end and the next line's indent. */
const WIDEST_GAP = 64;
const [TAB, NEWLINE, RETURN, BLANK, COMMA] = [9, 10, 13, 32, 44];
const BETWEEN = new Uint8Array(256);
for (const byte of [TAB, NEWLINE, RETURN, BLANK, COMMA]) BETWEEN[byte] = 1;

export function eachByteList(data: Buffer, found: (list: ByteList) => void): void {
  for (let at = data.indexOf(PREFIX); at !== -1;) {
    const places = placesFrom(data, at);
    const end = places.length === 0 ? at + PREFIX.length : digitsEnd(data, places.at(-1) ?? 0);
    if (places.length >= LEAST) {
      const bytes = places.map((from) => Number.parseInt(data.toString("latin1", from, digitsEnd(data, from)), 16));
      found({ start: at, end, bytes: Buffer.from(bytes), places });
    }
    at = data.indexOf(PREFIX, end);
  }
}

/** Of one number after the other, each of one or two digits. */
function placesFrom(data: Buffer, start: number): number[] {
  const places: number[] = [];
  for (let at = start; data[at] === PREFIX[0] && data[at + 1] === PREFIX[1];) {
    const from = at + PREFIX.length;
    const end = digitsEnd(data, from);
    // A third digit: a number, and no byte.
    if (end === from || HEX[data[end] ?? 0] === 1) break;
    places.push(from);
    at = end;
    while (at < data.length && at - end <= WIDEST_GAP && BETWEEN[data[at] ?? 0] === 1) at += 1;
  }
  return places;
}

function digitsEnd(data: Buffer, from: number): number {
  let end = from;
  while (end < from + 2 && HEX[data[end] ?? 0] === 1) end += 1;
  return end;
}
