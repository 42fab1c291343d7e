/** SOPS' YAML (sops.md §2.4). */
import { SidecryptError } from "../errors.ts";
import {
  decodeUtf8,
  type AgeEntry,
  type Comment,
  type Document,
  type Edit,
  type MetadataText,
  type Span,
  type Store,
} from "./document.ts";
import { isListComment, leavesOf, METADATA_KEY, metadataOf, type MapEntry, type MapNode, type Node } from "./tree.ts";
import { quote, writeKey, writeScalar } from "./yaml-scalar.ts";
import { parseYaml } from "./yaml-tree.ts";

/** One step of indentation, as sops has it. */
const STEP = 4;

export const yaml: Store = {
  parse,
  token(text, type, leaf, { text: document }) {
    const written = type === "str" ? writeScalar(text, leaf.indent) : text.toLowerCase();
    const before = document[leaf.slot.start - 1] === ":" ? " " : "";
    const after = document[leaf.slot.end - 1] === "\n" && leaf.slot.end > leaf.slot.start ? "\n" : "";
    return before + written + after;
  },
  append(document, name, text) {
    const at = document.metadata?.whole[0]?.start ?? document.text.length;
    const column = rootColumn(document);
    return insertion(document, at, `${margin(column)}${writeKey(name)}: ${writeScalar(text, column)}\n`);
  },
  remove(_document, leaf) {
    if (leaf.indent !== null) return { ...(leaf.entry ?? leaf.slot), text: "" };
    const hint = "remove it from the plaintext with `sops edit`";
    throw new SidecryptError("value-unstorable", `${leaf.name} stands between brackets`, hint);
  },
  attach(document, age, fields) {
    const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
    const column = rootColumn(document);
    const lines = sorted.map(([name, text]) => `${margin(column + STEP)}${name}: ${fieldToken(text)}\n`);
    const block = `${margin(column)}${METADATA_KEY}:\n${ageLines(age, column + STEP)}${lines.join("")}`;
    return insertion(document, document.text.length, block);
  },
  carry(document, from) {
    const [whole] = from.metadata?.whole ?? [];
    const block = whole === undefined ? "" : moved(from.text.slice(whole.start, whole.end), from, document);
    return insertion(document, document.text.length, block.endsWith("\n") ? block : `${block}\n`);
  },
  replaceAge({ text, metadata }, age) {
    return (metadata?.age ?? []).map((span) => {
      const column = /^ */.exec(text.slice(span.start, span.end))?.[0].length ?? STEP;
      return { ...span, text: ageLines(age, column) };
    });
  },
  fieldToken,
};

function parse(bytes: Uint8Array): Document {
  const text = decodeUtf8(bytes);
  const { root, comments } = parseYaml(text);
  const metadata = metadataIn(root, text);
  const [sops] = metadata?.whole ?? [];
  const outside = comments.filter(({ start }) => sops === undefined || start < sops.start || start >= sops.end);
  const places = placesOf(root);
  return {
    text,
    encoding: "utf8",
    leaves: leavesOf(root, text, ({ entries }, index) => linesOf(entries[index], text)),
    comments: [...outside.map((span) => commentAt(span, text, places)), ...listComments(root, text, [])],
    metadata,
  };
}

/** The whole block, and the lines of `age` in it. */
function metadataIn(root: MapNode, text: string): MetadataText | null {
  const metadata = metadataOf(root, (index) => untilNext(root, index, text, text.length));
  const node = root.entries.find(({ key }) => key === METADATA_KEY)?.value;
  if (metadata === null || node?.kind !== "map") return metadata;
  const index = node.entries.findIndex(({ key }) => key === "age");
  const end = metadata.whole[0]?.end ?? text.length;
  return { ...metadata, age: index < 0 ? [] : [untilNext(node, index, text, end)] };
}

function untilNext({ entries }: MapNode, index: number, text: string, end: number): Span {
  const [entry, next] = [entries[index], entries[index + 1]];
  if (entry?.indent === null) {
    throw new SidecryptError("bundle-malformed", "SOPS' metadata stand between brackets", "restore the file from git");
  }
  return {
    start: lineStart(text, entry?.span.start ?? 0),
    end: next === undefined ? end : lineStart(text, next.span.start),
  };
}

/** Where a map's keys or a list's elements stand; in the order of the text. */
interface Place {
  readonly start: number;
  readonly column: number | null;
  /** Of the map or the list. */
  readonly path: readonly string[];
}

function placesOf(root: MapNode): Place[] {
  const places: Place[] = [];
  const visit = (node: Node, path: readonly string[]): void => {
    if (node.kind === "list") {
      for (const item of node.items) {
        places.push({ start: item.span.start, column: null, path });
        visit(item, path);
      }
    } else if (node.kind === "map") {
      for (const { key, value, span, indent } of node.entries) {
        places.push({ start: span.start, column: indent, path });
        visit(value, [...path, key]);
      }
    }
  };
  visit(root, []);
  return places;
}

/** What sops will take it for, guessed by its column; then every other path that it could have. */
function commentAt({ start, end }: Span, text: string, places: readonly Place[]): Comment {
  const line = lineStart(text, start);
  const column = start - line;
  const after = firstAfter(places, start);
  const [previous, next] = [places[after - 1], places[after]];
  const isTrailing = text.slice(line, start).trim() !== "";
  const beside = isTrailing ? previous : [next, previous].find((place) => place?.column === column);
  const inList = next?.column === null && !isTrailing ? next : undefined;
  const paths = [inList, beside, previous, next].flatMap((place) => (place === undefined ? [] : prefixes(place.path)));
  const guess = (inList ?? beside)?.path ?? [];
  return {
    text: text.slice(start + 1, end),
    slot: { start: start + 1, end },
    prefix: "",
    paths: unique([guess, ...paths, []]),
  };
}

/** By halves, since places stand in the order of the text, and a file may hold tens of thousands of both. */
export function firstAfter(places: readonly Pick<Place, "start">[], offset: number): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.start ?? Infinity) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

function prefixes(path: readonly string[]): (readonly string[])[] {
  return path.map((_, index) => path.slice(0, path.length - index));
}

function unique(paths: readonly (readonly string[])[]): (readonly string[])[] {
  return [...new Map(paths.map((path) => [path.join(":"), path])).values()];
}

/** sops turns a comment in a list into an element; here it becomes a comment again, which sops reads the same. */
function listComments(node: Node, text: string, path: readonly string[]): Comment[] {
  if (node.kind === "map") {
    return node.entries.flatMap(({ key, value }) => listComments(value, text, [...path, key]));
  }
  if (node.kind !== "list") return [];
  return node.items.flatMap((item): Comment[] => {
    if (item.kind !== "scalar" || !isListComment(item)) return listComments(item, text, path);
    // Between brackets no comment can stand: it stays the element that it is.
    if (item.indent === null) return [];
    const start = text.lastIndexOf("-", item.span.start);
    return [{ text: item.text, slot: { start, end: item.span.end }, prefix: "#", paths: [path] }];
  });
}

/** Between brackets it is the entry alone, which is not removed: a line may hold thousands of them. */
function linesOf(entry: MapEntry | undefined, text: string): Span {
  const { start, end } = entry?.span ?? { start: 0, end: 0 };
  if (entry?.indent === null) return { start, end };
  const lf = text[end - 1] === "\n" ? end - 1 : text.indexOf("\n", end);
  return { start: lineStart(text, start), end: lf < 0 ? text.length : lf + 1 };
}

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

/** Where every key at the top has to stand. */
function rootColumn({ text }: Document): number {
  return parseYaml(text).root.entries[0]?.indent ?? 0;
}

/** The lines of one document, as far to the right as another one has its keys. */
function moved(lines: string, from: Document, to: Document): string {
  return lines.replaceAll(new RegExp(`^ {${rootColumn(from)}}(?=.)`, "gm"), margin(rootColumn(to)));
}

/** Whole lines. */
function insertion({ text }: Document, at: number, lines: string): Edit {
  const open = at > 0 && text[at - 1] !== "\n";
  return { start: at, end: at, text: open ? `\n${lines}` : lines };
}

/** A time in quotes: without them newer versions of sops read no text (sops.md §2.4). */
function fieldToken(text: string): string {
  return /^\d{4}-/.test(text) ? quote(text) : writeScalar(text, 0);
}

function ageLines(age: readonly AgeEntry[], column: number): string {
  const items = age.map(({ enc, recipient }) => {
    const body = enc
      .trimEnd()
      .split("\n")
      .map((line) => `${margin(column + 2 * STEP)}${line}\n`);
    const dash = `${margin(column + STEP)}- enc: |\n${body.join("")}`;
    return `${dash}${margin(column + STEP)}  recipient: ${writeScalar(recipient, 0)}\n`;
  });
  return `${margin(column)}age:\n${items.join("")}`;
}

function margin(columns: number): string {
  return " ".repeat(columns);
}
