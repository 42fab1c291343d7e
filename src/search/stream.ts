/**
 * A stream in windows of one size. Each keeps the end of the one before, so that whatever lies across their border lies
 * whole in the next.
 */
import type { Span } from "./find.ts";
import type { LineHit, NoteOf, Stream } from "./types.ts";

/** Bytes that are searched at once. */
const WINDOW = 2 ** 20;
/** What is encoded and no longer than this is decoded as a whole, wherever a window ends. */
const OVERLAP = 2 ** 16;
/** Bytes of a line in which a note is looked for: a minified file is one line. */
export const NOTED_BYTES = 2 ** 16;
const NEWLINE = 10;

/** A find whose line has not ended yet. */
type Waiting = Omit<LineHit, "note">;

/** `find` is given each window, and whether it begins in the middle; `longest`: bytes of the longest pattern. */
export function createStream(
  find: (window: Buffer, cut: boolean) => Span[],
  longest: number,
  noteOf: NoteOf = () => null,
): Stream {
  const overlap = Math.max(OVERLAP, longest);
  const size = NOTED_BYTES + overlap + WINDOW;
  // Grows to its full size only for what is long.
  let window = Buffer.allocUnsafe(OVERLAP);
  /** Bytes in the window; those at its beginning that were searched and are there for their lines alone. */
  let [filled, searched] = [0, 0];
  /** Of the window's first byte, from the start of the stream; lines that have ended before what is not yet searched. */
  let [start, lines] = [0, 0];
  /** Finds in what is kept, which the next window shows again. */
  let told = new Set<string>();
  let waiting: Waiting[] = [];
  const notes = createNotes(noteOf);

  const look = (last: boolean): LineHit[] => {
    const data = window.subarray(0, filled);
    const keep = Math.max(searched, filled - overlap);
    const [found, again] = [waiting, new Set<string>()];
    let [at, line] = [searched, lines];
    for (const { name, form, offset, end } of find(data.subarray(searched), start + searched > 0)) {
      const place = searched + offset;
      // What ends with the window may go on in the next.
      if (searched + end === filled && !last && place >= keep) continue;
      const key = `${start + place} ${form} ${name}`;
      if (place >= keep) again.add(key);
      if (told.has(key)) continue;
      line += newlines(data, at, place);
      at = place;
      found.push({ name, form, offset: start + place, line: line + 1 });
    }
    const [hits, later] = notes(found, { data, start, keep, last });
    lines += newlines(data, searched, keep);
    const from = Math.max(0, keep - NOTED_BYTES);
    window.copyWithin(0, from, filled);
    [filled, searched, start, told, waiting] = [filled - from, keep - from, start + from, again, later];
    return hits;
  };

  const push = (chunk: Uint8Array): LineHit[] => {
    const hits: LineHit[] = [];
    for (let from = 0; from < chunk.length;) {
      const room = Math.min(chunk.length - from, size - filled);
      if (filled + room > window.length) window = grown(window, filled, Math.min(size, 4 * (filled + room)));
      window.set(chunk.subarray(from, from + room), filled);
      [filled, from] = [filled + room, from + room];
      // One by one: a window may have more than a call may have arguments.
      if (filled === size) for (const hit of look(false)) hits.push(hit);
    }
    return hits;
  };
  return { push, end: () => look(true) };
}

function grown(window: Buffer, filled: number, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(size);
  window.copy(larger, 0, 0, filled);
  return larger;
}

function newlines(data: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = data.indexOf(NEWLINE, from); at !== -1 && at < to; at = data.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

interface Shown {
  readonly data: Buffer;
  /** Of the data's first byte, from the start of the stream. */
  readonly start: number;
  /** From here on the next window shows it again. */
  readonly keep: number;
  readonly last: boolean;
}

/** The note on each find's line; and the finds that have to wait for the end of theirs. */
function createNotes(noteOf: NoteOf): (found: readonly Waiting[], shown: Shown) => [LineHit[], Waiting[]] {
  // Of the line that was read last: many a line has several finds, and may be longer than a window.
  let [line, note] = [0, null as string | null];
  return (found, shown) => {
    const [hits, later]: [LineHit[], Waiting[]] = [[], []];
    for (const one of found) {
      if (one.line !== line) {
        const text = lineAround(one.offset - shown.start, shown);
        if (text === null) {
          later.push(one);
          continue;
        }
        [line, note] = [one.line, noteOf(text)];
      }
      hits.push({ ...one, note });
    }
    return [hits, later];
  };
}

/** Its first bytes; "": it began too long ago to be known. Null: it goes on in the next window. */
function lineAround(place: number, { data, start, keep, last }: Shown): string | null {
  const end = data.subarray(place, place + NOTED_BYTES).indexOf(NEWLINE);
  if (end === -1 && !last && place >= keep) return null;
  const before = place === 0 ? -1 : data.lastIndexOf(NEWLINE, place - 1);
  if (before === -1 && start > 0) return "";
  const stop = end === -1 ? place + NOTED_BYTES : place + end;
  return data.toString("utf8", before + 1, Math.min(stop, before + 1 + NOTED_BYTES));
}
