/**
 * Looks for secrets in texts, streams and documents, in every form that something writes them in. Pure: bytes in,
 * names and places out.
 */
import { fieldsOf, layOut, leftOf, placed, type Field } from "./fields.ts";
import { findAll, STREAMED, WHOLE, type Span } from "./find.ts";
import { compile, type Patterns } from "./patterns.ts";
import { createStream } from "./stream.ts";
import type { Hit, JsonHit, Needle, Searcher, SearcherOptions } from "./types.ts";

export { Gunzip } from "./gunzip.ts";
export { NOTED_BYTES } from "./stream.ts";
export { isGzip } from "./plausible.ts";
export { shapeOf } from "./shapes.ts";
export type { Hit, JsonHit, LineHit, Needle, Searcher, SearcherOptions, Stream, Unchecked } from "./types.ts";

/** Needles once for many searches: to compile them costs more than to search a small text. */
export function createSearcher(needles: readonly Needle[], options: SearcherOptions = {}): Searcher {
  const patterns = compile(needles, options);
  const find = (data: Uint8Array | string): Span[] => findAll(bufferOf(data), patterns, WHOLE);
  return {
    unchecked: patterns.unchecked,
    weak: patterns.weak,
    search: (data) => find(data).map(toHit),
    searchJson: (document) => searchFields(fieldsOf(document), find, patterns),
    stream: (noteOf) =>
      createStream((window, cut) => findAll(window, patterns, STREAMED, cut), patterns.matcher.longest, noteOf),
  };
}

function bufferOf(data: Uint8Array | string): Buffer {
  return typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

const toHit = ({ name, form, offset }: Hit): Hit => ({ name, form, offset });

function searchFields(
  fields: readonly Field[],
  find: (data: Uint8Array) => Span[],
  { fields: weak }: Patterns,
): JsonHit[] {
  const { text, starts } = layOut(fields);
  const exact = fields.flatMap(({ whole, text: field, parts: [part] }) => {
    if (!whole || part === undefined) return [];
    const value = field.toString("latin1");
    // The right-hand side is a field of its own.
    const right = leftOf(value);
    const found = [0, right].map((from) => [from, weak.get(value.slice(from)) ?? []] as const);
    const [from, names] = found.find(([, some]) => some.length > 0) ?? [0, []];
    return names.map((name) => ({ name, form: "whole field", offset: from, path: part.path }));
  });
  return [...placed(find(text), fields, starts), ...exact];
}
