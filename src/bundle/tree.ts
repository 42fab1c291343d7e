/**
 * JSON and YAML as one tree, and the tree as leaves with names (README, "Formats"). A name is the path of keys joined
 * by `_`. sops binds a ciphertext to its keys and leaves list indices out (sops.md §2.4), so a forger can regroup what
 * stands in lists; what could be regrouped into other names is refused here.
 */
import { SidecryptError } from "../errors.ts";
import { lineAt, type Field, type Leaf, type MetadataText, type Span } from "./document.ts";
import { MAX_NAME_LENGTH, MAX_SECRETS } from "./limits.ts";
import type { ValueType } from "./types.ts";

export type Node = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly MapEntry[];
  readonly span: Span;
}

export interface MapEntry {
  readonly key: string;
  readonly value: Node;
  /** Key and value. */
  readonly span: Span;
  /** YAML: the column of the key; null as in {@link Leaf}. */
  readonly indent: number | null;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly span: Span;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly type: ValueType | "none";
  readonly text: string;
  readonly span: Span;
  readonly indent: number | null;
}

export const METADATA_KEY = "sops";

const KEY = /^[A-Za-z0-9_]+$/;

/** The leaves below everything but `sops`; `entryOf` says what goes when the only leaf below an entry does. */
export function leavesOf(root: MapNode, text: string, entryOf: (map: MapNode, index: number) => Span): Leaf[] {
  const leaves: Leaf[] = [];
  const where = (node: { readonly span: Span }): string => `line ${lineAt(text, node.span.start)}`;

  const visitMap = (map: MapNode, path: readonly string[], outer: Span | null): void => {
    for (const [index, entry] of map.entries.entries()) {
      if (path.length === 0 && entry.key === METADATA_KEY) continue;
      const here = [...path, entry.key];
      if (!KEY.test(entry.key)) throw malformed(`${where(entry)}: a key has characters that a name cannot have`, KEYS);
      if (isLong(here.join("_")))
        throw malformed(`${where(entry)}: the name is longer than ${MAX_NAME_LENGTH} characters`, LONG);
      const removed = map.entries.length === 1 && outer !== null ? outer : entryOf(map, index);
      visit(entry.value, here, removed, entry.indent);
    }
  };
  const visit = (node: Node, path: readonly string[], entry: Span, indent: number | null): void => {
    if (node.kind === "map" && node.entries.length > 0) visitMap(node, path, entry);
    else if (node.kind === "list" && node.items.length > 0) visitList(node, path);
    else push(node, path, path, entry, indent);
  };
  const visitList = (list: ListNode, path: readonly string[]): void => {
    const items = list.items.filter((item) => !isListComment(item));
    // A ciphertext fits a bare value and a list of one alike.
    if (items.length < 2) throw unsupported(`${where(list)}: ${dotted(path)} is a list of one`, ONE);
    for (const [index, item] of items.entries()) {
      if (item.kind !== "scalar")
        throw unsupported(`${where(item)}: ${dotted(path)} is a list of lists or maps`, NESTED);
      if (item.type === "none" || item.text === "") {
        throw malformed(`${where(item)}: ${dotted(path)} has an empty element: SOPS does not authenticate it`, EMPTY);
      }
      push(item, path, [...path, String(index)], null, item.indent);
    }
  };
  const push = (
    node: Node,
    path: readonly string[],
    named: readonly string[],
    entry: Span | null,
    indent: number | null,
  ): void => {
    const { type, text: value } = node.kind === "scalar" ? node : { type: "none" as const, text: "" };
    leaves.push({ path, name: named.join("_"), text: value, type, slot: node.span, entry, indent });
    if (leaves.length > MAX_SECRETS) throw new SidecryptError("bundle-too-large", `more than ${MAX_SECRETS} secrets`);
  };

  visitMap(root, [], null);
  return leaves;
}

/** sops writes a comment inside a YAML list as an element. */
export function isListComment(node: Node): boolean {
  return (
    node.kind === "scalar" &&
    node.type === "str" &&
    node.text.startsWith("ENC[AES256_GCM,") &&
    node.text.endsWith(",type:comment]")
  );
}

/** Keys from the top, for messages: `db.password`. */
export function dotted(path: readonly string[]): string {
  return path.join(".");
}

/** Null: no `sops`. Lists that hold nothing and nulls stand in old files, and mean nothing (sops.md §1.5). */
export function metadataOf(root: MapNode, whole: (index: number) => Span): MetadataText | null {
  const index = root.entries.findIndex(({ key }) => key === METADATA_KEY);
  const node = root.entries[index]?.value;
  if (node === undefined) return null;
  if (node.kind !== "map") throw malformed('"sops" is no map', RESTORE);
  const fields: Field[] = [];
  const visit = (value: Node, name: string): void => {
    if (isLong(name)) throw strange();
    if (value.kind === "map") for (const entry of value.entries) visit(entry.value, `${name}__map_${field(entry.key)}`);
    else if (value.kind === "list")
      value.items.forEach((item, at) => {
        visit(item, `${name}__list_${at}`);
      });
    else if (value.type !== "none") fields.push({ name, text: fieldText(value), slot: value.span });
  };
  for (const entry of node.entries) visit(entry.value, field(entry.key));
  const age = node.entries.find(({ key }) => key === "age")?.value;
  return { fields, whole: [whole(index)], age: age === undefined ? [] : [age.span] };
}

/** A key that holds the separators of the flat form could pass for another path. */
function field(key: string): string {
  if (/__(?:map|list)_/.test(key) || isLong(key)) throw strange();
  return key;
}

function strange(): SidecryptError {
  return new SidecryptError("bundle-forged", "a metadata key that no sops writes", RESTORE);
}

/** Each name holds the keys above it: one long key with many below it would fill the memory. */
function isLong(name: string): boolean {
  return name.length > MAX_NAME_LENGTH;
}

function fieldText({ type, text }: ScalarNode): string {
  return type === "bool" ? text.toLowerCase() : text;
}

function malformed(message: string, hint: string): SidecryptError {
  return new SidecryptError("bundle-malformed", message, hint);
}

function unsupported(message: string, hint: string): SidecryptError {
  return new SidecryptError("bundle-unsupported", message, hint);
}

const KEYS = "keys are letters, digits and underscores: db_password, not db-password";
const LONG = "shorten its keys";
const ONE = "write it as a plain value: SOPS does not authenticate which of the two it is";
const NESTED = "SOPS does not authenticate list indices: name the elements in a map";
const EMPTY = "remove the element";
const RESTORE = "restore the file from git, or encrypt it again with sops";
