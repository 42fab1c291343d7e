/** What stands in the data as it is, and what stands in what is encoded in it. */
import type { Patterns } from "./patterns.ts";
import { isPlausible } from "./plausible.ts";
import { eachRun } from "./runs.ts";
import { shapesIn, SHORTEST_SHAPE } from "./shapes.ts";
import type { Hit } from "./types.ts";
import { Unwrapper, unwrapOthers, type Depth, type Piece } from "./unwrap.ts";

export interface Span extends Hit {
  /** Behind the last byte. */
  readonly end: number;
}

export const WHOLE: Depth = { least: 20, backslashes: true };
/** Of streams: each byte is looked at once, and what is short in them is no document. */
export const STREAMED: Depth = { least: 64, backslashes: false };

const MAX_DEPTH = 3;
/** Bytes that are decoded in one search, in relation to the data; a bomb ends here. */
const MAX_GROWTH = 16;
const MIN_BUDGET = 2 ** 26;

/** In order of place; of several finds of one value that overlap, the plainest. `cut`: the data begins in the middle. */
export function findAll(data: Buffer, patterns: Patterns, depth: Depth, cut = false): Span[] {
  let budget = Math.max(MIN_BUDGET, data.length * MAX_GROWTH);
  const below = (bytes: Buffer, level: number, { least, backslashes }: Depth, inCut: boolean): Span[] => {
    const direct = known(bytes, patterns);
    const isOpened = level < MAX_DEPTH && (level === 0 || isPlausible(bytes));
    if (!isOpened && !patterns.shapes) return withoutOverlaps(direct);
    const [shapes, decoded]: [Span[], Span[]] = [[], []];
    const open = (piece: Piece): void => {
      budget -= piece.bytes.length;
      if (budget < 0 || piece.bytes.length < patterns.shortest) return;
      for (const span of below(piece.bytes, level + 1, WHOLE, false)) {
        const said = span.form === "raw" ? piece.wrapper : `${span.form} in ${piece.wrapper}`;
        decoded.push({ name: span.name, form: said, ...placeOf(span, piece) });
      }
    };
    const unwrapper = new Unwrapper(bytes, patterns.shortest, open);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // What looks like a key and what is encoded stand in the same runs.
    eachRun(bytes, patterns.shapes ? Math.min(least, SHORTEST_SHAPE) : least, (start, end) => {
      if (patterns.shapes) shapesIn(bytes, view, start, end, shapes);
      if (isOpened && end - start >= least) unwrapper.run(start, end, inCut && start === 0);
    });
    if (isOpened) unwrapOthers(bytes, backslashes, inCut, open);
    const plain = withoutOverlaps([...direct, ...unknown(shapes, direct)]);
    return decoded.length === 0 ? plain : plainest(plain, decoded);
  };
  return below(data, 0, depth, cut);
}

/** Of a find in what was decoded, where it stands in what was not. */
function placeOf(span: Span, { start, end, places }: Piece): Pick<Span, "offset" | "end"> {
  const [first, last] = [places?.[span.offset], places?.[span.end - 1]];
  return first === undefined || last === undefined ? { offset: start, end } : { offset: first, end: last + 2 };
}

/** The plain find of a value leaves no room for an encoded one around it: that is how a short form looks, decoded. */
function plainest(direct: readonly Span[], decoded: readonly Span[]): Span[] {
  const hidden = decoded.filter(
    (one) => !direct.some(({ name, offset, end }) => name === one.name && offset < one.end && end > one.offset),
  );
  return [...direct, ...withoutOverlaps(hidden)].toSorted((a, b) => a.offset - b.offset);
}

function known(data: Buffer, { matcher, meanings, lengths }: Patterns): Span[] {
  const spans: Span[] = [];
  matcher.find(data, (pattern, offset) => {
    const end = offset + (lengths[pattern] ?? 0);
    for (const { name, form, holds } of meanings[pattern] ?? []) {
      if (holds === undefined || holds(data, end)) spans.push({ name, form, offset, end });
    }
  });
  return spans;
}

/** A secret that is found by its name needs no second find by its looks. */
function unknown(shapes: readonly Span[], direct: readonly Span[]): readonly Span[] {
  return shapes.filter((shape) => !direct.some(({ offset, end }) => offset < shape.end && end > shape.offset));
}

function withoutOverlaps(spans: readonly Span[]): Span[] {
  if (spans.length < 2) return [...spans];
  const until = new Map<string, number>();
  return spans
    .toSorted((a, b) => a.offset - b.offset || b.end - a.end)
    .filter(({ name, offset, end }) => {
      if (offset < (until.get(name) ?? 0)) return false;
      until.set(name, end);
      return true;
    });
}
