/** SOPS' JSON (sops.md §2.2). */
import { decodeUtf8, latin1Of, type AgeEntry, type Document, type Edit, type Span, type Store } from "./document.ts";
import { parseJson } from "./json.ts";
import { leavesOf, METADATA_KEY, metadataOf, type MapNode } from "./tree.ts";

export const json: Store = {
  parse,
  token(text, type) {
    if (type === "bool") return text.toLowerCase();
    return type === "str" ? JSON.stringify(text) : text;
  },
  append: (document, name, text) => member(document, `"${name}": ${JSON.stringify(text)}`),
  remove: (_document, leaf) => ({ ...(leaf.entry ?? leaf.slot), text: "" }),
  attach(document, age, fields) {
    const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
    const metadata = { age: age.map(ageEntry), ...Object.fromEntries(sorted) };
    return member(document, `"${METADATA_KEY}": ${indented(metadata, indentOf(document), 1)}`);
  },
  carry(document, from) {
    const root = parseJson(from.text);
    const entry = root.entries.find(({ key }) => key === METADATA_KEY);
    return member(document, entry === undefined ? "" : from.text.slice(entry.span.start, entry.span.end));
  },
  replaceAge(document, age) {
    const text = indented(age.map(ageEntry), indentOf(document), 2);
    return (document.metadata?.age ?? []).map((span) => ({ ...span, text }));
  },
  fieldToken: (text) => JSON.stringify(text),
};

function parse(bytes: Uint8Array): Document {
  const text = decodeUtf8(bytes);
  const root = parseJson(text);
  return {
    text,
    encoding: "utf8",
    leaves: leavesOf(root, text, memberSpan),
    comments: [],
    metadata: metadataOf(root, (index) => memberSpan(root, index)),
  };
}

/** With the one comma that goes with it. */
function memberSpan({ entries }: MapNode, index: number): Span {
  const [before, entry, after] = [entries[index - 1], entries[index], entries[index + 1]];
  const span = entry?.span ?? { start: 0, end: 0 };
  if (before !== undefined) return { start: before.span.end, end: span.end };
  return after === undefined ? span : { start: span.start, end: after.span.start };
}

/** A member at the end of the data, before `sops` where that is the last. */
function member({ text, encoding }: Document, json: string): Edit {
  const { entries, span } = parseJson(text);
  // A binary file, before it is sealed, is a text of bytes.
  const written = encoding === "latin1" ? latin1Of(json) : json;
  const data = entries.filter(({ key }) => key !== METADATA_KEY);
  const last = data.at(-1);
  if (last !== undefined) {
    const lead = leadOf(text, entries[0]?.span.start ?? 0);
    return { start: last.span.end, end: last.span.end, text: `,${lead}${written}` };
  }
  const [first] = entries;
  if (first !== undefined) {
    return { start: first.span.start, end: first.span.start, text: `${written},${leadOf(text, first.span.start)}` };
  }
  return { ...span, text: `{\n\t${written}\n}` };
}

/** The blanks before a member. */
function leadOf(text: string, start: number): string {
  return /[ \t\r\n]*$/.exec(text.slice(Math.max(0, start - 80), start))?.[0] ?? "";
}

/** One step of indentation as the file has it; a tab, as sops, where it shows none. */
function indentOf({ text }: Document): string {
  return /^\{\r?\n([ \t]{1,8})/.exec(text)?.[1] ?? "\t";
}

function indented(value: unknown, indent: string, depth: number): string {
  return JSON.stringify(value, null, indent).replaceAll("\n", `\n${indent.repeat(depth)}`);
}

function ageEntry({ enc, recipient }: AgeEntry): AgeEntry {
  return { enc, recipient };
}
