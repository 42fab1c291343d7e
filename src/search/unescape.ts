/** Undoes percent-encoding and backslashes around where they stand. */

export interface Region {
  readonly start: number;
  readonly end: number;
}

const [PERCENT, BACKSLASH, NEWLINE] = [37, 92, 10];
/** To either side of an escape: further away stands something else. */
const REACH = 4096;

const stops = (isStop: (byte: number) => boolean): Uint8Array =>
  new Uint8Array(256).map((_, byte) => (isStop(byte) ? 1 : 0));
const URL_STOPS = stops((byte) => byte <= 0x20 || byte === 0x22 || byte === 0x3c || byte === 0x3e);
const LINE_STOPS = stops((byte) => byte === NEWLINE);

/** The stretches around each `%` that a URL or a form may consist of. */
export const percentRegions = (data: Uint8Array): Region[] => regions(data, PERCENT, URL_STOPS);

/** The lines, or so much of them as is near, that have a backslash. */
export const backslashRegions = (data: Uint8Array): Region[] => regions(data, BACKSLASH, LINE_STOPS);

function regions(data: Uint8Array, mark: number, stop: Uint8Array): Region[] {
  const found: Region[] = [];
  let behind = 0;
  for (let at = data.indexOf(mark); at !== -1;) {
    let [start, end] = [at, at + 1];
    const least = Math.max(behind, at - REACH);
    while (start > least && stop[data[start - 1] ?? 0] === 0) start -= 1;
    const most = Math.min(data.length, start + 2 * REACH);
    while (end < most && stop[data[end] ?? 0] === 0) end += 1;
    found.push({ start, end });
    behind = end;
    at = data.indexOf(mark, end);
  }
  return found;
}

export function unpercent(data: Buffer, { start, end }: Region): Buffer {
  const text = data.toString("latin1", start, end);
  const plain = text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(plain, "latin1");
}

const SHORT = new Uint8Array(256).map((_, byte) => byte);
for (const [letter, byte] of Object.entries({ n: 10, r: 13, t: 9, b: 8, f: 12, v: 11, a: 7 }))
  SHORT[letter.charCodeAt(0)] = byte;
const [LETTER_U, LETTER_X, CAPITAL] = [0x75, 0x78, 0x20];
/** Of hex digits; -1: it is none. */
const DIGITS = new Int8Array(256).map((_, byte) => {
  const digit = parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? -1 : digit;
});

/** Byte by byte, since many a file is full of backslashes; `\u` makes UTF-8. No escape is shorter than what it stands for. */
export function unbackslash(data: Buffer, { start, end }: Region): Buffer {
  const plain = Buffer.allocUnsafe(end - start);
  let filled = 0;
  for (let at = start; at < end;) {
    const byte = data[at] ?? 0;
    const next = data[at + 1] ?? NEWLINE;
    if (byte !== BACKSLASH || at + 1 === end || next === NEWLINE) {
      plain[filled++] = byte;
      at += 1;
      continue;
    }
    const units = (next | CAPITAL) === LETTER_U ? unitsAt(data, at, end) : "";
    if (units !== "") {
      filled += plain.write(units, filled);
      at += 6 * units.length;
      continue;
    }
    const [code, length] = shortEscape(data, at, end);
    plain[filled++] = code;
    at += length;
  }
  return plain.subarray(0, filled);
}

/** As many as follow each other: two may be one character. */
function unitsAt(data: Uint8Array, from: number, end: number): string {
  let units = "";
  for (
    let at = from;
    data[at] === BACKSLASH && ((data[at + 1] ?? 0) | CAPITAL) === LETTER_U && at + 6 <= end;
    at += 6
  ) {
    const unit = number(data, at + 2, 4, 16);
    if (unit < 0) break;
    units += String.fromCharCode(unit);
  }
  return units;
}

/** What it stands for, and its length. */
function shortEscape(data: Uint8Array, at: number, end: number): readonly [code: number, length: number] {
  const next = data[at + 1] ?? 0;
  if (at + 4 <= end) {
    const code = (next | CAPITAL) === LETTER_X ? number(data, at + 2, 2, 16) : number(data, at + 1, 3, 8);
    if (code >= 0 && code < 256) return [code, 4];
  }
  return [SHORT[next] ?? next, 2];
}

/** -1: one of the digits is none. */
function number(data: Uint8Array, from: number, digits: number, base: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) {
    const digit = DIGITS[data[at] ?? 0] ?? -1;
    if (digit < 0 || digit >= base) return -1;
    value = value * base + digit;
  }
  return value;
}
