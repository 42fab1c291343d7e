/** A stream in windows: each keeps so much of the one before that whatever lies across their border lies in the next. */
import type { Span } from "./find.ts";
import type { LineHit, Stream } from "./types.ts";

const NEWLINE = 10;

/** `find` is given each window, and whether it is the last; `overlap`: bytes. */
export function createStream(find: (window: Uint8Array) => Span[], overlap: number): Stream {
  let kept = Buffer.alloc(0);
  /** Of the first kept byte: from the start of the stream, and how many lines have ended before it. */
  let [start, lines] = [0, 0];
  /** Finds in what is kept, which the next window shows again. */
  let told = new Set<string>();

  const look = (chunk: Uint8Array, last: boolean): LineHit[] => {
    const window =
      kept.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([kept, chunk]);
    const keep = Math.max(0, window.length - overlap);
    const spans = find(window);
    const hits: LineHit[] = [];
    const again = new Set<string>();
    let [at, line] = [0, lines];
    const advance = (to: number): void => {
      line += newlines(window, at, to);
      at = to;
    };
    for (const { name, form, offset, end } of spans) {
      // What ends with the window may go on in the next: a weak value would not end there.
      if (end === window.length && !last) continue;
      const key = `${start + offset} ${form} ${name}`;
      if (offset >= keep) again.add(key);
      if (told.has(key)) continue;
      advance(Math.min(offset, keep));
      hits.push({ name, form, offset: start + offset, line: line + newlines(window, at, offset) + 1 });
    }
    advance(keep);
    [kept, start, lines, told] = [Buffer.from(window.subarray(keep)), start + keep, line, again];
    return hits;
  };
  return { push: (chunk) => look(chunk, false), end: () => look(new Uint8Array(), true) };
}

function newlines(data: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (data[at] === NEWLINE) count += 1;
  return count;
}
