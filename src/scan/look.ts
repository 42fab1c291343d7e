/** One source → what stands in it. Memory is bounded whatever its size. */
import type { LineHit, Searcher } from "../search/index.ts";
import { inlineReason } from "./allowance.ts";
import type { Allowed, Finding, Source } from "./types.ts";

/** Bytes up to which a source is searched as a whole, with everything in it decoded; beyond, as a stream. */
export const WHOLE_BYTES = 2 ** 20;
/** Lines of one find that are named; the others are counted. */
export const MAX_LINES_SHOWN = 10;
/** Bytes of a line in which an allowance is looked for: a minified file is one line. */
const MAX_LINE_BYTES = 64 * 1024;
const LF = 10;

export interface Looked {
  readonly bytes: number;
  readonly findings: readonly Finding[];
  readonly allowed: readonly Allowed[];
}

export async function look(source: Source, searcher: Searcher): Promise<Looked> {
  const inName = searcher.search(source.place).map(({ name }) => name);
  const { bytes, hits, lineText } = await hitsIn(source, searcher);
  const reasons = await reasonsOf(source, hits, lineText);
  const open = hits.filter(({ line }) => !reasons.has(line));
  const allowed = [...reasons].flatMap(([line, reason]) =>
    grouped(
      hits.filter((hit) => hit.line === line),
      source.place,
    ).map((finding): Allowed => ({ ...finding, reason })),
  );
  const named = [...new Set(inName)].map((name): Finding => ({
    name,
    form: "in its name",
    place: source.place,
    lines: [],
    count: 1,
  }));
  return { bytes, findings: [...named, ...grouped(open, source.place)], allowed };
}

type Hit = Pick<LineHit, "name" | "form" | "line">;

interface Hits {
  readonly bytes: number;
  readonly hits: readonly Hit[];
  /** Null: the source was too large to be kept. */
  readonly lineText: ((line: number) => string) | null;
}

async function hitsIn(source: Source, searcher: Searcher): Promise<Hits> {
  const whole = source.whole?.() ?? null;
  if (whole !== null) return { bytes: whole.length, ...wholeHits(bufferOf(whole), searcher) };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let stream: ReturnType<Searcher["stream"]> | null = null;
  const hits: Hit[] = [];
  for await (const chunk of source.read()) {
    bytes += chunk.length;
    if (stream !== null) hits.push(...stream.push(chunk));
    else chunks.push(Uint8Array.from(chunk));
    if (stream === null && bytes > WHOLE_BYTES) {
      stream = searcher.stream();
      hits.push(...stream.push(Buffer.concat(chunks.splice(0))));
    }
  }
  if (stream !== null) return { bytes, hits: [...hits, ...stream.end()], lineText: null };
  return { bytes, ...wholeHits(Buffer.concat(chunks), searcher) };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function wholeHits(text: Buffer, searcher: Searcher): Pick<Hits, "hits" | "lineText"> {
  const found = searcher.search(text);
  if (found.length === 0) return { hits: [], lineText: null };
  const starts = lineStarts(text);
  const hits = found.map(({ name, form, offset }): Hit => ({ name, form, line: lineAt(starts, offset) }));
  const lineText = (line: number): string => {
    const start = starts[line - 1] ?? 0;
    return text.toString("utf8", start, Math.min(starts[line] ?? text.length, start + MAX_LINE_BYTES));
  };
  return { hits, lineText };
}

function lineStarts(text: Buffer): number[] {
  const starts = [0];
  for (let at = text.indexOf(LF); at >= 0; at = text.indexOf(LF, at + 1)) starts.push(at + 1);
  return starts;
}

/** From 1: the last start that is not behind the offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** Line to the reason that stands on it, for lines with a find. */
async function reasonsOf(source: Source, hits: readonly Hit[], known: Hits["lineText"]): Promise<Map<number, string>> {
  const wanted = new Set(hits.map(({ line }) => line));
  const reasons = new Map<number, string>();
  if (wanted.size === 0 || (known === null && !source.again)) return reasons;
  const note = (line: number, text: string): void => {
    const reason = inlineReason(text.trimEnd());
    if (reason !== null) reasons.set(line, reason);
  };
  if (known === null) await readLines(source, wanted, note);
  else for (const line of wanted) note(line, known(line));
  return reasons;
}

/** Once more from the start, since a stream keeps no line. */
async function readLines(
  source: Source,
  wanted: ReadonlySet<number>,
  note: (line: number, text: string) => void,
): Promise<void> {
  let line = 1;
  let kept = Buffer.alloc(0);
  const end = (): void => {
    if (wanted.has(line)) note(line, kept.toString("utf8"));
    line += 1;
    kept = Buffer.alloc(0);
  };
  for await (const chunk of source.read()) {
    const bytes = bufferOf(chunk);
    let start = 0;
    for (let at = bytes.indexOf(LF); ; at = bytes.indexOf(LF, start)) {
      const stop = at < 0 ? bytes.length : at;
      // Copied: whoever reads the file reads the next piece into the same memory.
      if (wanted.has(line) && kept.length < MAX_LINE_BYTES) kept = Buffer.concat([kept, bytes.subarray(start, stop)]);
      if (at < 0) break;
      end();
      start = at + 1;
    }
  }
  end();
}

/** One finding for each name and form, so that a log with a million of them is told in one line. */
function grouped(hits: readonly Hit[], place: string): Finding[] {
  const groups = new Map<string, { readonly hit: Hit; readonly lines: Set<number>; count: number }>();
  for (const hit of hits) {
    const key = `${hit.name} ${hit.form}`;
    const group = groups.get(key) ?? { hit, lines: new Set(), count: 0 };
    if (group.lines.size < MAX_LINES_SHOWN) group.lines.add(hit.line);
    group.count += 1;
    groups.set(key, group);
  }
  return [...groups.values()].map(({ hit: { name, form }, lines, count }) => ({
    ...{ name, form, place, count },
    lines: [...lines],
  }));
}
