/** Parsed JSON as one text to search, and back from a place in it to the path. */
import type { JsonHit } from "./types.ts";
import type { Span } from "./find.ts";

/** What of a field begins at `from` in the text; in the field itself that is at `skipped`. */
interface Part {
  readonly path: string;
  readonly from: number;
  readonly skipped: number;
}

export interface Field {
  /** Several: items of an array that were joined. */
  readonly parts: readonly Part[];
  readonly text: Buffer;
  /** Not joined, not a key. */
  readonly whole: boolean;
}

/** No form of a value has this; it keeps a find from reaching across two fields. */
const SEPARATOR = Buffer.from("\n\u0000\u0001\n");
/** Deeper than anything an engine answers. */
const MAX_DEPTH = 64;

/** Characters up to the right-hand side of an environment's NAME=value, whatever the name; 0: it is none. */
export const leftOf = (text: string): number => /^[A-Za-z_]\w*=/.exec(text)?.[0].length ?? 0;

/** Every string, key and number; items of an array also joined, without anything between them and with a blank. */
export function fieldsOf(document: unknown): Field[] {
  const fields: Field[] = [];
  const add = (path: string, text: string, whole: boolean): void => {
    if (text !== "") fields.push({ parts: [{ path, from: 0, skipped: 0 }], text: Buffer.from(text), whole });
  };
  const walk = (value: unknown, path: string, depth: number): void => {
    if (typeof value === "string") add(path, value, true);
    else if (typeof value === "number" || typeof value === "bigint") add(path, String(value), true);
    else if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return;
    else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) walk(item, `${path}[${index}]`, depth + 1);
      fields.push(...joinedItems(path, value));
    } else {
      for (const [key, item] of Object.entries(value)) {
        const below = member(path, key);
        add(below, key, false);
        walk(item, below, depth + 1);
      }
    }
  };
  walk(document, "", 0);
  return fields;
}

function member(path: string, key: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

function joinedItems(path: string, value: readonly unknown[]): Field[] {
  const items = value.map((item) => (typeof item === "string" ? item : ""));
  if (items.filter((item) => item !== "").length < 2) return [];
  const fields = [joined(path, items, ""), joined(path, items, " ")];
  // A value in two variables: the second one's name stands between its halves.
  return items.filter((item) => leftOf(item) > 0).length < 2 ? fields : [...fields, joined(path, items, "", leftOf)];
}

function joined(
  path: string,
  items: readonly string[],
  between: string,
  skip: (item: string) => number = () => 0,
): Field {
  const parts: Part[] = [];
  const texts: string[] = [];
  let from = 0;
  for (const [index, item] of items.entries()) {
    const skipped = skip(item);
    const text = item.slice(skipped);
    parts.push({ path: `${path}[${index}]`, from, skipped });
    texts.push(text);
    from += Buffer.byteLength(text + between);
  }
  return { parts, text: Buffer.from(texts.join(between)), whole: false };
}

/** Where each field begins in the text of all. */
export function layOut(fields: readonly Field[]): { readonly text: Buffer; readonly starts: readonly number[] } {
  const starts: number[] = [];
  let length = 0;
  for (const { text } of fields) {
    starts.push(length);
    length += text.length + SEPARATOR.length;
  }
  return { text: Buffer.concat(fields.flatMap(({ text }) => [text, SEPARATOR])), starts };
}

/** Of finds in the text of all; what the items of an array show by themselves, their joined text repeats. */
export function placed(spans: readonly Span[], fields: readonly Field[], starts: readonly number[]): JsonHit[] {
  const seen = new Set<string>();
  return spans.flatMap(({ name, form, offset }) => {
    const index = starts.findLastIndex((start) => start <= offset);
    const within = offset - (starts[index] ?? 0);
    const part = fields[index]?.parts.findLast(({ from }) => from <= within);
    if (part === undefined) return [];
    const key = JSON.stringify([name, part.path]);
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ name, form, offset: within - part.from + part.skipped, path: part.path }];
  });
}
