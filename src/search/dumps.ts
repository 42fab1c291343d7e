/**
 * Hex dumps back into their bytes, as xxd, hexdump, od, tcpdump and openssl print them: rows of groups of one length,
 * perhaps behind an offset or a log's own beginning of the line, and before a column of characters.
 */
import { alphabet, endOf, eachRunOf, HEX, otherInPair } from "./runs.ts";

export interface Dump {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
  /** Where the two digits of each byte stand. */
  readonly places: readonly number[];
}

const COLUMNS = alphabet("0123456789abcdefABCDEF ");
const OTHER_IN_PAIR = otherInPair(COLUMNS);
/** Eight bytes of the widest layout: openssl puts a dash behind them. Even, as runs have to be. */
const LEAST = 24;
/** Fewer bytes in the first row are a number or a date. */
const LEAST_BYTES = 8;
/** Digits of a group. */
const SIZES: readonly number[] = [2, 4, 8, 16];
/** Blanks between two groups: `hexdump -x` has four. */
const WIDEST_GAP = 4;
const LONGEST_LINE = 1024;
const [NEWLINE, BLANK, DASH] = [10, 32, 45];

interface Layout {
  readonly size: number;
  readonly gap: number;
}

interface Row {
  readonly layout: Layout;
  /** Where each group begins and ends. */
  readonly groups: (readonly [start: number, end: number])[];
}

/** `cut`: the data begins in the middle of a line. */
export function eachDump(data: Buffer, cut: boolean, found: (dump: Dump) => void): void {
  let behind = cut ? data.indexOf(NEWLINE) + 1 : 0;
  eachRunOf(COLUMNS, OTHER_IN_PAIR, data, LEAST, (start, end) => {
    if (start < behind) return;
    const first = firstRow(data, start, end);
    if (first === null) return;
    const groups = allRows(data, first);
    behind = groups.at(-1)?.[1] ?? behind;
    // One byte has no order; of a longer group nothing tells which it is.
    found(decoded(data, groups, false));
    if (first.layout.size > 2) found(decoded(data, groups, true));
  });
}

/** Behind an offset, which is of another length than the groups. */
function firstRow(data: Buffer, start: number, end: number): Row | null {
  for (let at = nextDigits(data, start); at < end; at = nextDigits(data, endOf(data, at, HEX))) {
    // The end of a word, or of an offset that begins with 0x.
    if (isWord(data[at - 1])) continue;
    const row = rowAt(data, at, null);
    if (row !== null && wholeBytes(row) >= LEAST_BYTES) return row;
  }
  return null;
}

const isWord = (byte: number | undefined): boolean => byte !== undefined && /\w/.test(String.fromCharCode(byte));

const wholeBytes = ({ groups, layout: { size } }: Row): number =>
  groups.reduce((sum, [start, end]) => sum + (end - start === size ? size / 2 : 0), 0);

function nextDigits(data: Uint8Array, from: number): number {
  let at = from;
  while (at < data.length && HEX[data[at] ?? 0] === 0) at += 1;
  return at;
}

function behindBlanks(data: Uint8Array, from: number): number {
  let at = from;
  while (data[at] === BLANK) at += 1;
  return at;
}

/** Those of the lines below too. */
function allRows(data: Buffer, first: Row): Row["groups"] {
  const groups = [...first.groups];
  let [from] = groups[0] ?? [0];
  let column = from - (data.lastIndexOf(NEWLINE, from) + 1);
  for (let end = data.indexOf(NEWLINE, from); end !== -1; end = data.indexOf(NEWLINE, from)) {
    const row = rowBelow(data, end + 1, column, first.layout);
    if (row === null) break;
    groups.push(...row.groups);
    [from] = row.groups[0] ?? [0];
    column = from - end - 1;
  }
  return groups;
}

/** Wherever it stands in the line; of too few groups to be told by themselves, in the column of the row above. */
function rowBelow(data: Buffer, line: number, column: number, layout: Layout): Row | null {
  const next = data.indexOf(NEWLINE, line);
  const end = Math.min(next === -1 ? data.length : next, line + LONGEST_LINE);
  const long = firstRow(data, line, end);
  if (long !== null) return long.layout.size === layout.size ? long : null;
  const short = rowAt(data, line + column, layout);
  // The column of a shorter line, such as the last offset alone, lies in another line.
  return short !== null && (short.groups[0]?.[0] ?? 0) < end ? short : null;
}

/** Groups of one length and one distance; only the last may be shorter. `known`: of the rows above. */
function rowAt(data: Buffer, from: number, known: Layout | null): Row | null {
  let at = known === null ? from : behindBlanks(data, from);
  let end = endOf(data, at, HEX);
  const size = known?.size ?? end - at;
  if (!SIZES.includes(size)) return null;
  let gap = known?.gap ?? 0;
  const groups: Row["groups"] = [];
  for (; end > at && end - at <= size && (end - at) % 2 === 0; end = endOf(data, at, HEX)) {
    groups.push([at, end]);
    if (end - at < size) break;
    const between = behindBlanks(data, end) - end;
    if (gap === 0) gap = between;
    const next = data[end] === DASH ? end + 1 : end + between;
    if (!isGap(data, { end, between, next }, groups.length, { size, gap })) break;
    at = next;
  }
  return groups.length === 0 ? null : { layout: { size, gap }, groups };
}

interface Gap {
  readonly end: number;
  readonly between: number;
  readonly next: number;
}

/** A wider one comes before the column of characters. */
function isGap(data: Buffer, { end, between, next }: Gap, count: number, { size, gap }: Layout): boolean {
  const isMiddle = size === 2 && count === 8;
  if (next > end + between) return isMiddle;
  if (between === 0 || between > WIDEST_GAP + size) return false;
  if (between === gap) return gap <= WIDEST_GAP;
  // `xxd -e` aligns a shorter group at its end.
  const missing = size - (endOf(data, next, HEX) - next);
  return between === gap + missing || (isMiddle && between === gap + 1);
}

function decoded(data: Buffer, groups: Row["groups"], little: boolean): Dump {
  const [bytes, places]: [number[], number[]] = [[], []];
  for (const [from, to] of groups) {
    for (let at = from; at < to; at += 2) {
      const digits = little ? from + to - at - 2 : at;
      bytes.push((nibble(data[digits]) << 4) | nibble(data[digits + 1]));
      places.push(at);
    }
  }
  const [start, end] = [groups[0]?.[0] ?? 0, groups.at(-1)?.[1] ?? 0];
  return { start, end, bytes: Buffer.from(bytes), places };
}

/** Of a digit, small or capital. */
const nibble = (digit = 0): number => (digit & 0xf) + (digit > 0x39 ? 9 : 0);
