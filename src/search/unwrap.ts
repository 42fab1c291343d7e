/** What is encoded or compressed in the data, decoded: to be searched again. */
import { eachDump } from "./dumps.ts";
import { eachByteList } from "./lists.ts";
import { GZIP, isPlausible, isZlib } from "./plausible.ts";
import { eachHexRun, endOfLines, WRAPPED } from "./runs.ts";
import { backslashRegions, percentRegions, unbackslash, unpercent, type Region } from "./unescape.ts";

export interface Piece extends Region {
  readonly wrapper: string;
  readonly bytes: Buffer;
  /** Where each byte stands, of two characters; without: all of it is one place. */
  readonly places?: readonly number[];
}

export interface Depth {
  /** Runs of base64 and hex that are decoded, in characters. */
  readonly least: number;
  /** Backslashes are undone too: costs as much as the text is long. */
  readonly backslashes: boolean;
}

/** What one gzip member may grow to. */
const MAX_INFLATED = 2 ** 24;
/** Characters; a longer run is no word, and decoded whatever it looks like. */
const LONG = 256;
const ALIGNMENTS = 4;
const LEAST_HEX = 32;

/** What stands in no run: hex dumps, lists of bytes, percent-encoding, backslashes, compressed members. */
export function unwrapOthers(data: Buffer, backslashes: boolean, cut: boolean, found: (piece: Piece) => void): void {
  eachDump(data, cut, (dump) => {
    found({ wrapper: "hex dump", ...dump });
  });
  // As dear as backslashes: the mark of a number stands everywhere.
  if (backslashes) {
    eachByteList(data, (list) => {
      found({ wrapper: "list of bytes", ...list });
    });
  }
  for (const region of percentRegions(data)) undo(data, region, "percent", unpercent, found);
  if (backslashes) for (const region of backslashRegions(data)) undo(data, region, "escapes", unbackslash, found);
  for (let at = data.indexOf(GZIP); at !== -1; at = data.indexOf(GZIP, at + 1)) {
    const body = behindGzipHeader(data, at);
    if (body !== null) inflate(data, at, body, found);
  }
  if (isZlib(data)) inflate(data, 0, null, found);
}

/** Of a gzip member's header: its fixed part, flags (RFC 1952 §2.3.1), and what a name or a comment in it may be long. */
const FIXED = 10;
const [HAS_CHECK, HAS_EXTRA, HAS_NAME, HAS_COMMENT, RESERVED] = [2, 4, 8, 16, 0xe0];
const LONGEST_TEXT = 4096;
const [STORED, RESERVED_TYPE] = [0, 3];

/**
 * Null: it is none. Asked before anything is unpacked: zlib reads on for the end of a name, from each of thousands of such
 * beginnings; and it takes what follows a member for the next one.
 */
function behindGzipHeader(data: Buffer, start: number): number | null {
  const flags = data[start + 3] ?? RESERVED;
  if ((flags & RESERVED) !== 0) return null;
  let at = start + FIXED;
  if ((flags & HAS_EXTRA) !== 0) at += 2 + (data[at] ?? 0) + 256 * (data[at + 1] ?? 0);
  for (const text of [HAS_NAME, HAS_COMMENT]) {
    if ((flags & text) === 0) continue;
    const end = data.subarray(at, at + LONGEST_TEXT).indexOf(0);
    if (end < 0) return null;
    at += end + 1;
  }
  if ((flags & HAS_CHECK) !== 0) at += 2;
  return beginsBlock(data, at) ? at : null;
}

/** RFC 1951 §3.2.3: a fourth type is reserved; what is stored has its length twice, once inverted. */
function beginsBlock(data: Buffer, at: number): boolean {
  const type = ((data[at] ?? 0xff) >> 1) & 3;
  if (type === RESERVED_TYPE) return false;
  return (
    type !== STORED || (at + 5 <= data.length && (data.readUInt16LE(at + 1) ^ data.readUInt16LE(at + 3)) === 0xffff)
  );
}

/** Base64 and hex in the runs of one text, in their order. What is wrapped is decoded as a whole, once for each alignment. */
export class Unwrapper {
  readonly #data: Buffer;
  /** Bytes of what is worth decoding. */
  readonly #shortest: number;
  readonly #found: (piece: Piece) => void;
  /** Of the wrapped base64 that was decoded last: behind its last line, and by bits the alignments that were. */
  #end = 0;
  #done = 0;
  /** Of these, the ones that made no sense: something else may begin at a later line. */
  #senseless = 0;
  /** A place in it, and how many characters of it stand before that. */
  #at = 0;
  #index = 0;
  /** Of the wrapped hex. */
  #hexEnd = 0;

  constructor(data: Buffer, shortest: number, found: (piece: Piece) => void) {
    this.#data = data;
    this.#shortest = shortest;
    this.#found = found;
  }

  /** `cut`: the data begins in the middle of the run. */
  run(start: number, lineEnd: number, cut: boolean): void {
    const length = lineEnd - start;
    // Shorter lines have no others below them.
    if (length < WRAPPED && length * 3 < this.#shortest * 4) return;
    this.#goTo(start);
    this.#base64(start, lineEnd, cut);
    if (length >= LEAST_HEX) this.#hex(start, lineEnd);
  }

  #goTo(start: number): void {
    if (start < this.#end) this.#index += joined(this.#data, this.#at, start).length;
    else [this.#done, this.#senseless, this.#index] = [0, 0, 0];
    this.#at = start;
  }

  #base64(start: number, lineEnd: number, cut: boolean): void {
    const data = this.#data;
    const isLong = lineEnd - start >= LONG;
    // Something may stand right before it: a path's slash, a word.
    for (let offset = 0, [text, end] = ["", 0]; offset < ALIGNMENTS; offset++) {
      const alignment = 1 << ((this.#index + offset) % ALIGNMENTS);
      const isAgain = (this.#done & alignment) !== 0;
      if (isAgain && (this.#senseless & alignment) === 0) continue;
      if ((isAgain || !(isLong && (offset === 0 || cut))) && !isLikely(data, start + offset, lineEnd)) continue;
      // By its first bytes alone: each of thousands of such lines must not be decoded to the end.
      if (isAgain && !isPlausible(Buffer.from(data.toString("latin1", start + offset, lineEnd), "base64"))) continue;
      if (text === "") {
        end = endOfLines(data, start, lineEnd);
        text = joined(data, start, end);
        this.#end = end;
      }
      this.#done |= alignment;
      const bytes = Buffer.from(offset === 0 ? text : text.slice(offset), "base64");
      this.#senseless = isPlausible(bytes) ? this.#senseless & ~alignment : this.#senseless | alignment;
      this.#found({ wrapper: "base64", start, end, bytes });
    }
  }

  #hex(start: number, lineEnd: number): void {
    const data = this.#data;
    eachHexRun(data, start, lineEnd, LEAST_HEX, (from, to) => {
      if (from < this.#hexEnd) return;
      const end = endOfLines(data, from, to);
      const text = joined(data, from, end);
      for (const offset of [0, 1]) {
        const bytes = Buffer.from(text.slice(offset), "hex");
        // It ends at the first character that is none, and what follows that has to be decoded by itself.
        if (offset + 2 * bytes.length >= text.length - 1) this.#hexEnd = end;
        this.#found({ wrapper: "hex", start: from, end, bytes });
      }
    });
  }
}

const joined = (data: Buffer, start: number, end: number): string =>
  data.toString("latin1", start, end).replace(/\\n|\s+/g, "");

/** The first characters of a group of four that begin a byte of ASCII, and of gzip's and zlib's first bytes. */
const FIRSTS = new Uint8Array(256);
for (const byte of Buffer.from("ACDHIJKLMNOPQRSTUVWXYZabcdef")) FIRSTS[byte] = 1;
const MOST_GROUPS = 16;
/** How gzip and zlib begin in base64. */
const COMPRESSED = ["H4sI", "eJ", "eN", "eA", "eF"].map((text) => Buffer.from(text));
const [GZIP_FIRST, ZLIB_FIRST] = [0x48, 0x65];

/** Whether base64 from here on may be text or compressed: three quarters of its groups begin so. Words and hashes rarely do. */
function isLikely(data: Uint8Array, start: number, end: number): boolean {
  const groups = Math.min(MOST_GROUPS, (end - start) >> 2);
  const last = start + 4 * groups;
  let others = groups >> 2;
  for (let at = start; at < last; at += 4) {
    if (FIRSTS[data[at] ?? 0] === 1) continue;
    others -= 1;
    if (others < 0) return beginsCompressed(data, start);
  }
  return true;
}

function beginsCompressed(data: Uint8Array, start: number): boolean {
  const first = data[start];
  if (first !== GZIP_FIRST && first !== ZLIB_FIRST) return false;
  return COMPRESSED.some((head) => head.every((byte, index) => byte === data[start + index]));
}

function undo(
  data: Buffer,
  region: Region,
  wrapper: string,
  undone: (data: Buffer, region: Region) => Buffer,
  found: (piece: Piece) => void,
): void {
  const bytes = undone(data, region);
  // An escape is longer than what it stands for.
  if (bytes.length < region.end - region.start) found({ wrapper, ...region, bytes });
}

/** `body`: of a gzip member, behind its header; null: it is zlib. */
function inflate(data: Buffer, start: number, body: number | null, found: (piece: Piece) => void): void {
  // Loaded only here: few texts have any, and it is a twentieth of the command's start.
  const { constants, inflateRawSync, inflateSync } = process.getBuiltinModule("node:zlib");
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_INFLATED };
  try {
    const bytes =
      body === null ? inflateSync(data.subarray(start), options) : inflateRawSync(data.subarray(body), options);
    found({ wrapper: body === null ? "zlib" : "gzip", start, end: data.length, bytes });
  } catch {
    // Three bytes that look like a member's beginning and are none, or more than is looked at.
  }
}
