/**
 * YAML as a tree with positions, of the part of the language that has one reading: one document, no anchors, aliases,
 * tags, directives or merge keys, no key twice, no scalar on which dialects differ. The package `yaml` parses; its
 * messages quote the text and are dropped.
 */
import { Composer, CST, isMap, isScalar, isSeq, Lexer, Parser, type Document, type Pair, type YAMLMap } from "yaml";
import { SidecryptError } from "../errors.ts";
import { lineAt, type Span } from "./document.ts";
import { MAX_DEPTH, MAX_NODES } from "./limits.ts";
import { METADATA_KEY, type MapEntry, type MapNode, type Node } from "./tree.ts";
import { resolvePlain } from "./yaml-scalar.ts";

/** By the name that the package gives a token. */
const REFUSED: Readonly<Record<string, string>> = {
  anchor: "an anchor",
  alias: "an alias",
  tag: "a tag",
  "directive-line": "a directive",
  "explicit-key-ind": "a key marked by ?",
  "doc-end": "an end of the document",
  "byte-order-mark": "a byte order mark",
};

export interface YamlText {
  readonly root: MapNode;
  /** Every `#` with what follows on its line. */
  readonly comments: readonly Span[];
}

/** Throws `bundle-malformed` with the line, and nothing of the text. */
export function parseYaml(text: string): YamlText {
  const { tokens, comments } = tokenize(text);
  const [document, ...more] = compose(text, tokens);
  if (more.length > 0) throw malformed(text, more[0]?.range[0] ?? 0, "several documents");
  const contents = document?.contents ?? null;
  if (!isMap(contents)) throw malformed(text, 0, "the top level is no map");
  if (contents.flow === true) throw malformed(text, 0, "the top level is written in braces");
  return { root: new Reader(text).map(contents, 0, false), comments };
}

function tokenize(text: string): { readonly tokens: CST.Token[]; readonly comments: Span[] } {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const comments: Span[] = [];
  let [at, depth, count] = [0, 0, 0];
  let isText = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type: string | null = isText ? "text" : CST.tokenType(lexeme);
    isText = type === "scalar";
    count += 1;
    if (count > MAX_NODES * 8) throw malformed(text, at, "too many tokens");
    const refused = type === null ? "what is no YAML" : REFUSED[type];
    if (refused !== undefined) throw malformed(text, at, refused);
    if (type === "comment") comments.push({ start: at, end: at + lexeme.length });
    if (type === "flow-map-start" || type === "flow-seq-start") depth += 1;
    if (type === "flow-map-end" || type === "flow-seq-end") depth -= 1;
    if (depth > MAX_DEPTH) throw malformed(text, at, `nested deeper than ${MAX_DEPTH} levels`);
    tokens.push(...parser.next(lexeme));
    // These stand for no text.
    if (type !== "scalar" && type !== "doc-mode" && type !== "flow-error-end") at += lexeme.length;
  }
  tokens.push(...parser.end());
  return { tokens, comments };
}

function compose(text: string, tokens: Iterable<CST.Token>): Document.Parsed[] {
  const documents: Document.Parsed[] = [];
  try {
    // Keys are compared in Reader: the package does it in a time that grows with the square of their number.
    const composer = new Composer({ schema: "failsafe", strict: true, uniqueKeys: false, merge: false });
    for (const document of composer.compose(tokens, true, text.length)) documents.push(document);
  } catch {
    throw malformed(text, 0, "nested too deep, or broken");
  }
  for (const { errors, warnings } of documents) {
    const [first] = [...errors, ...warnings];
    if (first !== undefined) throw malformed(text, first.pos[0], "broken");
  }
  return documents;
}

/**
 * A line break of YAML 1.1, which go-yaml keeps between single quotes and indents what follows it; in YAML 1.2 it is a
 * character, and the blanks after it would be too.
 */
const OLD_BREAK = /[\u2028\u2029]/;
const BREAKS_DIFFER = "U+2028 or U+2029 in a scalar on which readers differ: put it in double quotes";
const OLD_BREAK_FOLDED = /[ \t]*([\u2028\u2029])[ \t]*/g;

class Reader {
  readonly #text: string;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  map(map: YAMLMap, depth: number, isMetadata: boolean): MapNode {
    const keys = new Set<string>();
    const entries = map.items.map((pair) => {
      const entry = this.#entry(pair, depth, isMetadata, map.flow === true);
      if (keys.has(entry.key)) throw malformed(this.#text, entry.span.start, "a key twice in one map");
      keys.add(entry.key);
      return entry;
    });
    return { kind: "map", entries, span: rangeOf(map) };
  }

  #entry({ key, value }: Pair, depth: number, isMetadata: boolean, inFlow: boolean): MapEntry {
    if (!isScalar(key) || typeof key.value !== "string") throw malformed(this.#text, 0, "a key that is no text");
    const { start, end } = rangeOf(key);
    const isTop = depth === 0 && key.value === METADATA_KEY;
    const indent = inFlow ? null : this.#column(start);
    const node = this.#node(value, depth + 1, isMetadata || isTop, indent, end);
    return { key: key.value, value: node, span: { start, end: Math.max(end, node.span.end) }, indent };
  }

  #node(node: unknown, depth: number, isMetadata: boolean, indent: number | null, after: number): Node {
    this.#nodes += 1;
    if (depth > MAX_DEPTH) throw malformed(this.#text, after, `nested deeper than ${MAX_DEPTH} levels`);
    if (this.#nodes > MAX_NODES) throw malformed(this.#text, after, `more than ${MAX_NODES} values`);
    if (isMap(node)) return this.map(node, depth, isMetadata);
    if (isSeq(node)) {
      const items = node.items.map((item) => {
        // Further right than the dash, as lines of its own would have to be.
        const column = node.flow === true ? null : this.#column(rangeOf(item as Ranged).start);
        return this.#node(item, depth + 1, isMetadata, column, after);
      });
      return { kind: "list", items, span: rangeOf(node) };
    }
    // Between braces a key can stand alone: sops writes none, and there is no place for its value.
    if (!isScalar(node) || typeof node.value !== "string") throw malformed(this.#text, after, "a key without a value");
    const span = rangeOf(node);
    if (node.type !== "QUOTE_DOUBLE" && OLD_BREAK.test(node.value)) {
      if (node.type !== "QUOTE_SINGLE") throw malformed(this.#text, span.start, BREAKS_DIFFER);
      return { kind: "scalar", type: "str", text: node.value.replace(OLD_BREAK_FOLDED, "$1"), span, indent };
    }
    if (node.type !== "PLAIN" || isMetadata) return { kind: "scalar", type: "str", text: node.value, span, indent };
    const scalar = resolvePlain(node.value);
    if (scalar === null) throw malformed(this.#text, span.start, "a scalar on which readers differ: put it in quotes");
    return { kind: "scalar", ...scalar, span, indent };
  }

  #column(offset: number): number {
    return offset - (this.#text.lastIndexOf("\n", offset - 1) + 1);
  }
}

interface Ranged {
  readonly range?: readonly number[] | null | undefined;
}

function rangeOf({ range }: Ranged): Span {
  return { start: range?.[0] ?? 0, end: range?.[1] ?? 0 };
}

function malformed(text: string, offset: number, what: string): SidecryptError {
  const message = `line ${lineAt(text, offset + 1)}: not the YAML that sops writes: ${what}`;
  return new SidecryptError("bundle-malformed", message, "write it plainly, in block style, or restore it from git");
}
