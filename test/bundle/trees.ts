/** Random content of bundles, what a consumer gets of it, and how it is written as plaintext. */
import fc from "fast-check";

export type Scalar = string | number | boolean;
export type Node = Scalar | readonly Node[] | Tree;
export interface Tree {
  readonly [key: string]: Node;
}

export const KEY = fc.stringMatching(/^[a-z][A-Za-z0-9_]{0,6}$/).filter((key) => !/^sops$|_unencrypted$/.test(key));
/** What loaders obey is refused, what ends so stays in plaintext. */
export const NAME = fc
  .stringMatching(/^[A-Z_][A-Za-z0-9_]{0,8}$/)
  .filter((text) => !/^(?:LD_|PATH$|ENV$|IFS$|PS4$|DYLD_)|_unencrypted$/.test(text));
const UNIT = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(..."aZ0\\\"'$#= :\t[]{}%&<>|->?*!,-".split("")) },
  fc.constantFrom("\n", "\r", "é", "🔑", "\u2028", "\u0085", "\ufeff"),
);
export const TEXT = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: UNIT, minLength: 1, maxLength: 20 }) },
  fc.constantFrom("true", "null", "~", "0777", "1.0", "2026-01-01", "yes", "007", "1e3", "-", " a ", "a: b", "a #b"),
);
export const SCALAR = fc.oneof({ weight: 7, arbitrary: TEXT }, fc.integer(), fc.boolean());

export function treeOf(size: { readonly minKeys: number; readonly maxKeys: number }): fc.Arbitrary<Tree> {
  const list = (maxLength: number) => fc.array(SCALAR, { minLength: 2, maxLength });
  const inner = fc.dictionary(KEY, fc.oneof(SCALAR, list(3)), { minKeys: 1, maxKeys: 3 });
  return fc.dictionary(KEY, fc.oneof({ weight: 4, arbitrary: SCALAR }, inner, list(4)), size);
}

export interface TreeLeaf {
  readonly path: readonly (string | number)[];
  readonly name: string;
  readonly value: Scalar;
}

export function leavesOf(tree: Tree): TreeLeaf[] {
  const leaves: TreeLeaf[] = [];
  const visit = (node: Node, path: readonly (string | number)[]): void => {
    if (typeof node !== "object") leaves.push({ path, name: path.join("_"), value: node });
    else if (isList(node)) for (const [index, item] of node.entries()) visit(item, [...path, index]);
    else for (const [key, value] of Object.entries(node)) visit(value, [...path, key]);
  };
  visit(tree, []);
  return leaves;
}

export function isList(node: Node): node is readonly Node[] {
  return Array.isArray(node);
}

/** What is delivered of a tree; null: two paths make one name. */
export function delivered(tree: Tree): Record<string, string> | null {
  const leaves = leavesOf(tree);
  const names = new Map(leaves.map(({ name, value }) => [name, deliveredText(value)]));
  return names.size === leaves.length ? Object.fromEntries(names) : null;
}

function deliveredText(value: Scalar): string {
  return typeof value === "boolean" ? (value ? "True" : "False") : String(value);
}

export function dotenvText(tree: Tree): string {
  const lines = Object.entries(tree).map(
    ([name, value]) => `${name}=${String(value as Scalar).replaceAll("\n", "\\n")}\n`,
  );
  return `# note\n${lines.join("")}`;
}

/** In one of the styles that people write: scalars plain, literal or quoted, lists in lines or between brackets. */
export function yamlText(tree: Tree, inBrackets: boolean): string {
  const write = (node: Node, indent: string): string => {
    if (typeof node !== "object") return ` ${yamlScalar(node, indent)}\n`;
    if (isList(node) && inBrackets) return ` [${node.map((item) => quoted(item as Scalar)).join(", ")}]\n`;
    if (isList(node)) return `\n${node.map((item) => `${indent}-${write(item, `${indent}  `)}`).join("")}`;
    const entries = Object.entries(node).map(([key, value]) => {
      return `${indent}# about ${key}\n${indent}"${key}":${write(value, `${indent}    `)}`;
    });
    return (indent === "" ? "" : "\n") + entries.join("");
  };
  return write(tree, "");
}

function yamlScalar(value: Scalar, indent: string): string {
  const text = String(value);
  if (typeof value !== "string" || /^[aZ]+$/.test(text)) return text;
  if (!/^[aZ0][ -~]*(?:\n[aZ0][ -~]*)+$/.test(text)) return quoted(text);
  return `|-\n${text
    .split("\n")
    .map((line) => `${indent}    ${line}`)
    .join("\n")}`;
}

/** YAML breaks lines at more characters than JSON does. */
function quoted(value: Scalar): string {
  return JSON.stringify(value).replace(
    /[\u0085\u2028\ufeff]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
