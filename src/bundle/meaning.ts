/**
 * What a dotenv line means (DESIGN.md). SOPS keeps quotes as part of the value; Compose's `env_file`, which operators
 * come from, takes them as syntax. Removes matching quotes, applies compose-go's escapes inside double ones, and
 * interprets nothing else; says where Compose would have read something else.
 */
import { escapeLineFeeds } from "./dotenv.ts";

export interface Meaning {
  readonly bytes: Buffer;
  /** What Compose would have read differently; without a value. */
  readonly notes: readonly string[];
}

const DOUBLE = 0x22;
const SINGLE = 0x27;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
const ZERO = 0x30;
/** compose-go v2 dotenv/parser.go `escapeSeqRegex`, less `\c`, which it matches and then leaves alone. */
const ESCAPES: Readonly<Record<string, number>> = {
  ...{ a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 },
  ...{ '"': DOUBLE, "\\": BACKSLASH, $: DOLLAR },
};
/** Of the bytes: `\s` would take the last byte of `à` for a blank. */
const BLANK_END = /^[ \t\v\f\r]|[ \t\v\f\r]$/;
/** Of the bytes: nothing that could be syntax. */
const PLAIN = /^[^"'#$\\ \t\v\f\r\n]*$/;
const NOTES = {
  comment: 'holds " #": Compose would have read a comment',
  dollar: 'holds "$": Compose would have interpolated',
  newline:
    "holds a line break written as backslash-n outside double quotes: Compose would have kept the two characters",
  blanks: "starts or ends with a blank: Compose would have trimmed it",
  quotes:
    "starts with a quote that does not match its end: delivered with its quotes; Compose would have read something else",
  escape: "holds an escape that Compose reads differently: delivered as it stands",
  carriageReturn: "ends in a carriage return: the plain file probably had Windows line ends",
} as const;

export function meaningOf(value: Buffer): Meaning {
  if (PLAIN.test(value.toString("latin1"))) return { bytes: value, notes: [] };
  // The plain line: a line feed in SOPS' memory can only have been backslash-n there.
  const line = value.includes("\n") ? Buffer.from(escapeLineFeeds(value.toString("latin1")), "latin1") : value;
  if (line[0] === DOUBLE && closesAtEnd(line, DOUBLE)) return doubleQuoted(line.subarray(1, -1));
  if (line[0] === SINGLE && isSingleQuoted(line)) return singleQuoted(value.subarray(1, -1), line);
  return unquoted(value, line);
}

function doubleQuoted(inner: Buffer): Meaning {
  const out: number[] = [];
  const notes = new Set<string>();
  for (let at = 0; at < inner.length;) {
    const escape = readEscape(inner, at);
    if (inner[at] === DOLLAR) notes.add(NOTES.dollar);
    if (escape === "odd") notes.add(NOTES.escape);
    const [bytes, length] = escape !== null && escape !== "odd" ? escape : plain(inner, at);
    out.push(...bytes);
    at += length;
  }
  return { bytes: Buffer.from(out), notes: [...notes] };
}

/** A backslash that escapes nothing stays, with what follows it, so that pairs stay pairs. */
function plain(inner: Buffer, at: number): [number[], number] {
  const length = inner[at] === BACKSLASH && at + 1 < inner.length ? 2 : 1;
  return [[...inner.subarray(at, at + length)], length];
}

/** Bytes and source length; "odd": an octal that compose-go mangles. */
function readEscape(inner: Buffer, at: number): [number[], number] | "odd" | null {
  const next = inner[at + 1];
  if (inner[at] !== BACKSLASH || next === undefined) return null;
  const code = ESCAPES[String.fromCharCode(next)];
  if (code !== undefined) return [[code], 2];
  if (next !== ZERO) return null;
  const octal = /^[0-7]{3}/.exec(inner.toString("latin1", at + 2, at + 5))?.[0];
  const byte = octal === undefined ? 0 : parseInt(octal, 8);
  return byte > 0 && byte < 0x80 ? [[byte], 5] : "odd";
}

function singleQuoted(inner: Buffer, line: Buffer): Meaning {
  const notes = new Set<string>();
  if (holdsLineBreak(inner)) notes.add(NOTES.newline);
  if (inner.includes("'") || !closesAtEnd(line, SINGLE)) notes.add(NOTES.escape);
  return { bytes: inner, notes: [...notes] };
}

function unquoted(value: Buffer, line: Buffer): Meaning {
  const notes = new Set<string>();
  const text = line.toString("latin1");
  if (/^["']/.test(text)) notes.add(NOTES.quotes);
  if (/[ \t]#/.test(text)) notes.add(NOTES.comment);
  if (text.includes("$")) notes.add(NOTES.dollar);
  if (holdsLineBreak(value)) notes.add(NOTES.newline);
  if (text.endsWith("\r")) notes.add(NOTES.carriageReturn);
  else if (BLANK_END.test(text)) notes.add(NOTES.blanks);
  return { bytes: value, notes: [...notes] };
}

function holdsLineBreak(value: Buffer): boolean {
  return value.includes("\n") || value.includes("\\n");
}

/** The first quote that no backslash escapes is the last byte. */
function closesAtEnd(line: Buffer, quote: number): boolean {
  return line.length >= 2 && firstClosing(line, quote) === line.length - 1;
}

/** As Compose, and also `'C:\'`: where single quotes know no escapes, that backslash hides nothing. */
function isSingleQuoted(line: Buffer): boolean {
  if (closesAtEnd(line, SINGLE)) return true;
  return line.length >= 2 && line.at(-1) === SINGLE && firstClosing(line, SINGLE) < 0;
}

function firstClosing(line: Buffer, quote: number): number {
  for (let at = 1; at < line.length; at += 1) {
    if (line[at] === quote) return at;
    if (line[at] === BACKSLASH) at += 1;
  }
  return -1;
}
