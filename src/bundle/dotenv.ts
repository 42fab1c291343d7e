/**
 * SOPS' dotenv, byte for byte (sops.md §1.1, §1.2): no quotes, no trimming, no interpolation. The one escape is
 * backslash-n for a line feed. The text is latin1, one character for each byte; sops writes its metadata as UTF-8.
 */
import { SidecryptError } from "../errors.ts";
import {
  latin1Of,
  utf8Of,
  type AgeEntry,
  type Comment,
  type Document,
  type Edit,
  type Field,
  type Leaf,
  type Span,
  type Store,
} from "./document.ts";
import { MAX_LINES, MAX_SECRETS } from "./limits.ts";

export const METADATA_PREFIX = "sops_";

const AGE_PREFIX = "age__";
const LF = Buffer.from("\n");

/** Split at LF only, lazily, and no further than one line too many: a file of nothing but line feeds costs nothing. */
export function* splitLines(bytes: Uint8Array): Generator<Buffer> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0, line = 0; start < text.length && line <= MAX_LINES; line += 1) {
    const end = text.indexOf(LF, start);
    yield text.subarray(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
  }
}

/** The text that stood, or would stand, on the plain line. */
export function escapeLineFeeds(value: string): string {
  return value.includes("\n") ? value.replaceAll("\n", "\\n") : value;
}

export const dotenv: Store = {
  parse,
  token: (text) => escapeLineFeeds(text),
  append(document, name, text) {
    // After the last line that is not metadata, wherever that stands.
    const ends = [...document.leaves.map(({ entry }) => entry?.end ?? 0), ...document.comments.map(lineEnd)];
    const at = Math.min(
      ends.reduce((last, end) => Math.max(last, end), 0),
      document.text.length,
    );
    return insertion(document, at, `${name}=${escapeLineFeeds(text)}\n`);
  },
  remove: (_document, leaf) => ({ ...(leaf.entry ?? leaf.slot), text: "" }),
  attach: (document, age, fields) => insertion(document, document.text.length, metadataLines(age, fields)),
  carry(document, from) {
    const lines = (from.metadata?.whole ?? []).map(({ start, end }) => withLineFeed(from.text.slice(start, end)));
    return insertion(document, document.text.length, lines.join(""));
  },
  replaceAge(document, age) {
    const [first, ...others] = document.metadata?.age ?? [];
    if (first === undefined) return [insertion(document, document.text.length, metadataLines(age, new Map()))];
    return [{ ...first, text: metadataLines(age, new Map()) }, ...others.map((span) => ({ ...span, text: "" }))];
  },
  fieldToken,
};

function parse(bytes: Uint8Array): Document {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const leaves: Leaf[] = [];
  const comments: Comment[] = [];
  const fields: Field[] = [];
  const [whole, age]: [Span[], Span[]] = [[], []];
  let line = 0;
  for (let start = 0; start < text.length;) {
    line += 1;
    if (line > MAX_LINES) throw new SidecryptError("bundle-too-large", `more than ${MAX_LINES} lines`);
    const lf = text.indexOf("\n", start);
    const end = lf < 0 ? text.length : lf;
    const entry = { start, end: lf < 0 ? end : end + 1 };
    if (text.startsWith("#", start)) comments.push(comment(text, start + 1, end));
    else if (end > start) {
      const leaf = readLine(text, entry, end, line);
      if (!leaf.name.startsWith(METADATA_PREFIX)) leaves.push(leaf);
      else {
        const name = leaf.name.slice(METADATA_PREFIX.length);
        fields.push({ name, text: utf8Of(leaf.text), slot: leaf.slot });
        whole.push(entry);
        if (name.startsWith(AGE_PREFIX)) age.push(entry);
      }
    }
    start = entry.end;
  }
  if (leaves.length > MAX_SECRETS) {
    throw new SidecryptError("bundle-too-large", `more than ${MAX_SECRETS} secrets`);
  }
  return { text, encoding: "latin1", leaves, comments, metadata: fields.length === 0 ? null : { fields, whole, age } };
}

function lineEnd({ slot }: Comment): number {
  return slot.end + 1;
}

function comment(text: string, start: number, end: number): Comment {
  return { text: text.slice(start, end), slot: { start, end }, prefix: "", paths: [[]] };
}

function readLine(text: string, entry: Span, end: number, line: number): Leaf {
  const equals = text.indexOf("=", entry.start);
  if (equals < 0 || equals >= end) {
    throw new SidecryptError(
      "bundle-malformed",
      `line ${line} has no "=" and is no comment`,
      "a value cannot span lines in dotenv; sops writes a line break as backslash-n",
    );
  }
  const name = text.slice(entry.start, equals);
  const slot = { start: equals + 1, end };
  const value = unescapeLineFeeds(text.slice(slot.start, end));
  return { path: [name], name, text: value, type: "str", slot, entry, indent: null };
}

function unescapeLineFeeds(text: string): string {
  return text.includes("\\n") ? text.replaceAll("\\n", "\n") : text;
}

/** Whole lines, even where the file does not end in a line feed. */
function insertion({ text }: Document, at: number, lines: string): Edit {
  const open = at > 0 && lines !== "" && text[at - 1] !== "\n";
  return { start: at, end: at, text: open ? `\n${lines}` : lines };
}

/** In sops' order: keys sorted, the list of recipients (`age`) before all others. */
function metadataLines(age: readonly AgeEntry[], fields: ReadonlyMap<string, string>): string {
  const list = age.flatMap(({ recipient, enc }, index): [string, string][] => [
    [`age__list_${index}__map_enc`, enc],
    [`age__list_${index}__map_recipient`, recipient],
  ]);
  const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
  return [...list, ...sorted].map(([name, text]) => `${METADATA_PREFIX}${name}=${fieldToken(text)}\n`).join("");
}

function fieldToken(text: string): string {
  return latin1Of(escapeLineFeeds(text));
}

function withLineFeed(line: string): string {
  return line.endsWith("\n") ? line : `${line}\n`;
}
