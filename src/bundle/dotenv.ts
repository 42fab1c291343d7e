/**
 * SOPS' dotenv, byte for byte (sops.md §1.1, §1.2): no quotes, no trimming, no interpolation. The one escape is
 * backslash-n for a line feed. Takes bytes, returns lines; knows nothing of encryption.
 */
import { SidecryptError } from "../errors.ts";
import { MAX_LINES } from "./limits.ts";

export interface Comment {
  readonly kind: "comment";
  /** From 1, blank lines counted. */
  readonly line: number;
  /** Everything after the `#`. */
  readonly text: Buffer;
}

export interface Entry {
  readonly kind: "entry";
  readonly line: number;
  /** The bytes before the first `=`, as latin1, untrimmed: nobody has judged it yet. */
  readonly name: string;
  /** The bytes after it, each backslash-n already a line feed. */
  readonly value: Buffer;
}

export type Line = Comment | Entry;

const LF = Buffer.from("\n");
const ESCAPED_LF = Buffer.from("\\n");
const HASH = "#".charCodeAt(0);

/** Split at LF only, lazily, and no further than one line too many: a file of nothing but line feeds costs nothing. */
export function* splitLines(bytes: Uint8Array): Generator<Buffer> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0, line = 0; start < text.length && line <= MAX_LINES; line += 1) {
    const end = text.indexOf(LF, start);
    yield text.subarray(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
  }
}

/** Blank lines are dropped, as sops drops them. */
export function parseLines(bytes: Uint8Array): Line[] {
  const lines: Line[] = [];
  let line = 0;
  for (const text of splitLines(bytes)) {
    line += 1;
    if (line > MAX_LINES) throw new SidecryptError("bundle-too-large", `more than ${MAX_LINES} lines`);
    if (text.length > 0) lines.push(parseLine(text, line));
  }
  return lines;
}

function parseLine(text: Buffer, line: number): Line {
  if (text[0] === HASH) return { kind: "comment", line, text: text.subarray(1) };
  const equals = text.indexOf("=");
  if (equals < 0) {
    throw new SidecryptError(
      "bundle-malformed",
      `line ${line} has no "=" and is no comment`,
      "a value cannot span lines in dotenv; sops writes a line break as backslash-n",
    );
  }
  const name = text.toString("latin1", 0, equals);
  return { kind: "entry", line, name, value: unescapeLineFeeds(text.subarray(equals + 1)) };
}

/** The inverse of {@link parseLines}: byte-identical for every file that sops wrote. */
export function emitLines(lines: readonly Line[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [...emitLine(line), LF]));
}

function emitLine(line: Line): Buffer[] {
  if (line.kind === "comment") return [Buffer.from("#"), line.text];
  return [Buffer.from(`${line.name}=`, "latin1"), escapeLineFeeds(line.value)];
}

/** The text that stood, or would stand, on the plain line. */
export function escapeLineFeeds(value: Buffer): Buffer {
  return replaceAll(value, LF, ESCAPED_LF);
}

function unescapeLineFeeds(text: Buffer): Buffer {
  return replaceAll(text, ESCAPED_LF, LF);
}

function replaceAll(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, start)) {
    parts.push(bytes.subarray(start, at), to);
    start = at + from.length;
  }
  return start === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(start)]);
}
