/**
 * What the stores of sops have in common: a text, the slots in it where values stand, and the metadata as flat fields.
 * A change is a list of edits to the text, so whatever is not edited stays byte for byte.
 */
import { SidecryptError } from "../errors.ts";
import type { ValueType } from "./types.ts";

/** The stores of sops. */
export type Format = "dotenv" | "json" | "yaml" | "binary" | "ini";

/** Offsets in the text, the end not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Edit extends Span {
  readonly text: string;
}

export interface Leaf {
  /** Its keys from the top, list indices left out: what its ciphertext is bound to. */
  readonly path: readonly string[];
  /** The keys joined by `_`, list indices too. */
  readonly name: string;
  /** Unescaped, in the document's encoding; a number or a boolean as the MAC takes it. */
  readonly text: string;
  /** "none": null, or an empty map or list, which sops neither encrypts nor authenticates. */
  readonly type: ValueType | "none";
  /** The token that stands for it. */
  readonly slot: Span;
  /** What goes when it is removed; null: an element of a list. */
  readonly entry: Span | null;
  /** YAML: the column of its key; null: between brackets, or in a format without indentation. */
  readonly indent: number | null;
}

/** Never authenticated. */
export interface Comment {
  readonly text: string;
  readonly slot: Span;
  /** What has to stand before its text in the slot. */
  readonly prefix: "" | "#";
  /** The paths that it may belong to: sops' own idea of that depends on blank lines. */
  readonly paths: readonly (readonly string[])[];
}

export interface Field {
  /** Flattened as in dotenv, without its prefix: `age__list_0__map_enc` (sops.md §1.5). */
  readonly name: string;
  readonly text: string;
  readonly slot: Span;
}

export interface MetadataText {
  /** In file order, duplicates too. */
  readonly fields: readonly Field[];
  /** Without these the document is a plaintext one. */
  readonly whole: readonly Span[];
  /** Where the age entries stand. */
  readonly age: readonly Span[];
}

export interface Document {
  readonly text: string;
  /** latin1: one character for each byte. Metadata are UTF-8 even so. */
  readonly encoding: "latin1" | "utf8";
  /** In document order. */
  readonly leaves: readonly Leaf[];
  readonly comments: readonly Comment[];
  /** Null: not encrypted. */
  readonly metadata: MetadataText | null;
}

export interface AgeEntry {
  /** A label: nothing ties it to `enc`. */
  readonly recipient: string;
  /** The armored data key. */
  readonly enc: string;
}

/** One format: reads a text into a document, and says how to change the text. */
export interface Store {
  parse(bytes: Uint8Array): Document;
  /** How a scalar is written in a leaf's slot. */
  token(text: string, type: ValueType, leaf: Leaf, document: Document): string;
  append(document: Document, name: string, text: string): Edit;
  remove(document: Document, leaf: Leaf): Edit;
  /** New metadata at the end; the other fields sorted, as sops sorts them. */
  attach(document: Document, age: readonly AgeEntry[], fields: ReadonlyMap<string, string>): Edit;
  /** The metadata of another document, as it stands there. */
  carry(document: Document, from: Document): Edit;
  replaceAge(document: Document, age: readonly AgeEntry[]): Edit[];
  /** A metadata scalar. */
  fieldToken(text: string): string;
}

/** Bytes that are no UTF-8 stand as U+DC80 to U+DCFF, which no UTF-8 text holds. */
const LONE = 0xdc00;

/** Edits must not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < at) throw new SidecryptError("internal", "two changes of the file overlap");
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

export function bytesOf(text: string, { encoding }: Pick<Document, "encoding">): Buffer {
  return Buffer.from(text, encoding);
}

/** A latin1 text as the UTF-8 that its bytes are; where they are none, what is beyond ASCII stands as {@link LONE}. */
export function utf8Of(latin1: string): string {
  if (!/[\u0080-\u00ff]/.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, "latin1");
  const text = bytes.toString();
  if (Buffer.from(text).equals(bytes)) return text;
  return latin1.replace(/[\u0080-\u00ff]/g, (byte) => String.fromCharCode(LONE + byte.charCodeAt(0)));
}

/** The way back. */
export function latin1Of(text: string): string {
  const parts = text.split(/([\udc80-\udcff])/u);
  return parts
    .map((part, at) => (at % 2 === 0 ? bytesIn(part) : String.fromCharCode(part.charCodeAt(0) - LONE)))
    .join("");
}

function bytesIn(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** From 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}

/** Throws `bundle-malformed`: a JSON or YAML text in another encoding has no one reading. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SidecryptError("bundle-malformed", "the file is not UTF-8 text", "restore the file from git");
  }
}
