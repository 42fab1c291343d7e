/**
 * A stream in windows of one size. Each keeps the end of the one before, so that whatever lies across their border lies
 * whole in the next.
 */
import type { Span } from "./find.ts";
import type { LineHit, Stream } from "./types.ts";

/** Bytes that are searched at once. */
const WINDOW = 2 ** 20;
/** What is encoded and no longer than this is decoded as a whole, wherever a window ends. */
const OVERLAP = 2 ** 16;

/** `find` is given each window, and whether it begins in the middle; `longest`: bytes of the longest pattern. */
export function createStream(find: (window: Buffer, cut: boolean) => Span[], longest: number): Stream {
  const overlap = Math.max(OVERLAP, longest);
  // Grows to its full size only for what is long.
  let window = Buffer.allocUnsafe(OVERLAP);
  /** Bytes in the window; of its first byte: from the start of the stream, and how many lines have ended before it. */
  let [filled, start, lines] = [0, 0, 0];
  /** Finds in what is kept, which the next window shows again. */
  let told = new Set<string>();

  const look = (last: boolean): LineHit[] => {
    const data = window.subarray(0, filled);
    const keep = Math.max(0, filled - overlap);
    const [hits, again] = [[] as LineHit[], new Set<string>()];
    let [at, line] = [0, lines];
    for (const { name, form, offset, end } of find(data, start > 0)) {
      // What ends with the window may go on in the next.
      if (end === filled && !last && offset >= keep) continue;
      const key = `${start + offset} ${form} ${name}`;
      if (offset >= keep) again.add(key);
      if (told.has(key)) continue;
      line += newlines(data, at, offset);
      at = offset;
      hits.push({ name, form, offset: start + offset, line: line + 1 });
    }
    lines += newlines(data, 0, keep);
    window.copyWithin(0, keep, filled);
    [filled, start, told] = [filled - keep, start + keep, again];
    return hits;
  };

  const push = (chunk: Uint8Array): LineHit[] => {
    const hits: LineHit[] = [];
    for (let from = 0; from < chunk.length;) {
      const room = Math.min(chunk.length - from, overlap + WINDOW - filled);
      if (filled + room > window.length)
        window = grown(window, filled, Math.min(overlap + WINDOW, 4 * (filled + room)));
      window.set(chunk.subarray(from, from + room), filled);
      [filled, from] = [filled + room, from + room];
      if (filled === overlap + WINDOW) hits.push(...look(false));
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

const NEWLINE = 10;

function newlines(data: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = data.indexOf(NEWLINE, from); at !== -1 && at < to; at = data.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
