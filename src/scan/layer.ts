/** The bytes of a source, as they come → the finds in them, and in what is packed in them. Memory is bounded. */
import { Gunzip, isGzip, NOTED_BYTES, type Hit, type Searcher, type Stream } from "../search/index.ts";
import { inlineReason } from "./allowance.ts";
import type { Find } from "./groups.ts";

/** Bytes up to which something is searched as a whole, with everything in it decoded; beyond, as a stream. */
export const WHOLE_BYTES = 2 ** 20;
const LF = 10;

/** A gzip within a gzip, and so on. */
const MAX_LEVELS = 3;
/** Bytes that a source may be unpacked to, in all its levels; a larger one, to so many times its own. A bomb ends here. */
export const MAX_UNPACKED = 2 ** 27;
const MAX_GROWTH = 200;

type Found = (find: Find) => void;
type Placed = Find & Pick<Hit, "offset">;

/** Bytes of a source that came, and those that they became. */
interface Growth {
  packed: number;
  unpacked: number;
}

export class Layer {
  readonly #searcher: Searcher;
  readonly #found: Found;
  readonly #level: number;
  readonly #growth: Growth;
  readonly #kept: Uint8Array[] = [];
  #size = 0;
  #stream: Stream | null = null;
  #packed: Packed | null = null;
  #fault: string | null = null;

  /** `level`: how often the source was unpacked to get here. */
  constructor(searcher: Searcher, found: Found, level = 0, growth: Growth = { packed: 0, unpacked: 0 }) {
    this.#searcher = searcher;
    this.#found = found;
    this.#level = level;
    this.#growth = growth;
  }

  /** Bytes that came. */
  get size(): number {
    return this.#size;
  }

  /** A chunk of any size, which may be changed afterwards. */
  async push(chunk: Uint8Array): Promise<void> {
    this.#count(chunk);
    if (this.#stream !== null) return this.#pushOn(this.#stream, chunk);
    this.#kept.push(Uint8Array.from(chunk));
    if (this.#size <= WHOLE_BYTES) return;
    const head = Buffer.concat(this.#kept.splice(0));
    this.#begin(head);
    this.#stream = this.#searcher.stream(reasonOn);
    await this.#pushOn(this.#stream, head);
  }

  /** All of it at once, instead of any chunk. */
  async whole(bytes: Uint8Array): Promise<void> {
    this.#count(bytes);
    await this.#searchWhole(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** Why not all of it was looked at; null: all was. */
  async end(): Promise<string | null> {
    if (this.#stream !== null) for (const hit of this.#stream.end()) this.#tell({ ...hit, reason: hit.note });
    else if (this.#kept.length > 0) await this.#searchWhole(Buffer.concat(this.#kept.splice(0)));
    return this.#packed === null ? this.#fault : this.#packed.end();
  }

  #count({ length }: Uint8Array): void {
    this.#size += length;
    if (this.#level === 0) this.#growth.packed += length;
  }

  #begin(head: Buffer): void {
    if (!isGzip(head)) return;
    if (this.#level < MAX_LEVELS) this.#packed = new Packed(this.#searcher, this.#found, this.#level + 1, this.#growth);
    else this.#fault = `a gzip within ${MAX_LEVELS} others`;
  }

  async #searchWhole(text: Buffer): Promise<void> {
    this.#begin(text);
    for (const find of findsIn(text, this.#searcher)) this.#tell(find);
    await this.#packed?.push(text);
  }

  async #pushOn(stream: Stream, chunk: Uint8Array): Promise<void> {
    for (const hit of stream.push(chunk)) this.#tell({ ...hit, reason: hit.note });
    await this.#packed?.push(chunk);
  }

  #tell({ offset, ...find }: Placed): void {
    // The search unpacks some of it for itself; what is unpacked here is all of it, and has lines.
    if (this.#packed === null || offset > 0 || !isOfGzip(find.form)) this.#found(find);
  }
}

const isOfGzip = (form: string): boolean => /(?:^| in )gzip$/.test(form);

/** A gzip, and the layer below it. */
class Packed {
  readonly #gunzip = new Gunzip();
  readonly #growth: Growth;
  readonly #content: Layer;

  constructor(searcher: Searcher, found: Found, level: number, growth: Growth) {
    const named = ({ form, ...find }: Find): void => {
      found({ ...find, form: form === "raw" ? "gzip" : `${form} in gzip` });
    };
    this.#growth = growth;
    this.#content = new Layer(searcher, named, level, growth);
  }

  async push(bytes: Uint8Array): Promise<void> {
    await this.#lookAt(this.#gunzip.push(bytes));
  }

  async end(): Promise<string | null> {
    await this.#lookAt(this.#gunzip.end());
    const below = await this.#content.end();
    return this.#gunzip.fault ?? below;
  }

  async #lookAt(unpacked: AsyncIterable<Uint8Array>): Promise<void> {
    const growth = this.#growth;
    for await (const bytes of unpacked) {
      growth.unpacked += bytes.length;
      if (growth.unpacked <= Math.max(MAX_UNPACKED, MAX_GROWTH * growth.packed)) await this.#content.push(bytes);
      else this.#gunzip.stop("a gzip that becomes too large: searched as far as it was unpacked");
    }
  }
}

const reasonOn = (line: string): string | null => inlineReason(line.trimEnd());

function findsIn(text: Buffer, searcher: Searcher): Placed[] {
  const hits = searcher.search(text);
  if (hits.length === 0) return [];
  const starts = lineStarts(text);
  const reasons = new Map<number, string | null>();
  return hits.map((hit) => {
    const line = lineAt(starts, hit.offset);
    const known = reasons.get(line);
    const reason = known === undefined ? reasonOn(textOf(text, starts, line)) : known;
    reasons.set(line, reason);
    return { ...hit, line, reason };
  });
}

function textOf(text: Buffer, starts: readonly number[], line: number): string {
  const start = starts[line - 1] ?? 0;
  return text.toString("utf8", start, Math.min(starts[line] ?? text.length, start + NOTED_BYTES));
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
