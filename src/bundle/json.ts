/**
 * JSON as text with positions. `JSON.parse` moves keys, keeps the last of two equal ones and rounds integers (sops.md
 * §2.2): each would break the MAC or hide an edit. Here the order is the file's, a second key is an error, and a number
 * stays the text that it is.
 */
import { SidecryptError } from "../errors.ts";
import { lineAt } from "./document.ts";
import { MAX_DEPTH, MAX_NODES } from "./limits.ts";
import type { ListNode, MapEntry, MapNode, Node, ScalarNode } from "./tree.ts";
import { scalarOfNumber } from "./types.ts";

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Up to the next quote, backslash or control character. */
const PLAIN_TEXT = /[^"\\\u0000-\u001f]*/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
const WORDS: Readonly<Record<string, Pick<ScalarNode, "type" | "text">>> = {
  true: { type: "bool", text: "True" },
  false: { type: "bool", text: "False" },
  null: { type: "none", text: "" },
};

/** Throws `bundle-malformed` with the line, and nothing of the text. */
export function parseJson(text: string): MapNode {
  const reader = new Reader(text);
  reader.blanks();
  if (text[reader.at] !== "{") throw reader.fault("the top level is no object");
  const root = reader.object(0);
  reader.blanks();
  if (reader.at < text.length) throw reader.fault("text after the end of the object");
  return root;
}

class Reader {
  at = 0;
  readonly #text: string;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  fault(what: string): SidecryptError {
    const message = `line ${lineAt(this.#text, this.at)}: not the JSON that sops writes: ${what}`;
    return new SidecryptError("bundle-malformed", message, "restore the file from git");
  }

  blanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  object(depth: number): MapNode {
    const start = this.at;
    const entries: MapEntry[] = [];
    const keys = new Set<string>();
    this.#sequence("}", () => {
      const entryStart = this.at;
      if (this.#text[this.at] !== '"') throw this.fault("a key is missing");
      const key = this.#string();
      if (keys.has(key)) throw this.fault("a key stands twice in one object");
      keys.add(key);
      this.blanks();
      this.#expect(":");
      this.blanks();
      const value = this.#value(depth + 1);
      entries.push({ key, value, span: { start: entryStart, end: this.at }, indent: null });
    });
    return { kind: "map", entries, span: { start, end: this.at } };
  }

  #list(depth: number): ListNode {
    const start = this.at;
    const items: Node[] = [];
    this.#sequence("]", () => items.push(this.#value(depth + 1)));
    return { kind: "list", items, span: { start, end: this.at } };
  }

  #sequence(close: string, readItem: () => void): void {
    this.at += 1;
    this.blanks();
    if (this.#text[this.at] !== close) {
      for (;;) {
        readItem();
        this.blanks();
        if (this.#text[this.at] !== ",") break;
        this.at += 1;
        this.blanks();
      }
    }
    this.#expect(close);
  }

  #value(depth: number): Node {
    this.#nodes += 1;
    if (depth > MAX_DEPTH) throw this.fault(`nested deeper than ${MAX_DEPTH} levels`);
    if (this.#nodes > MAX_NODES) throw this.fault(`more than ${MAX_NODES} values`);
    const start = this.at;
    switch (this.#text.charAt(start)) {
      case "{":
        return this.object(depth);
      case "[":
        return this.#list(depth);
      case '"': {
        const text = this.#string();
        return { kind: "scalar", type: "str", text, span: { start, end: this.at }, indent: null };
      }
      default:
        return this.#word() ?? this.#number();
    }
  }

  #word(): ScalarNode | null {
    const start = this.at;
    for (const [word, scalar] of Object.entries(WORDS)) {
      if (!this.#text.startsWith(word, start)) continue;
      this.at += word.length;
      return { kind: "scalar", ...scalar, span: { start, end: this.at }, indent: null };
    }
    return null;
  }

  #number(): ScalarNode {
    const start = this.at;
    NUMBER.lastIndex = start;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) throw this.fault("no value where one has to stand");
    const scalar = scalarOfNumber(digits);
    if (scalar === null) throw this.fault("a number that sops cannot hold exactly: put it in quotes");
    this.at += digits.length;
    return { kind: "scalar", ...scalar, span: { start, end: this.at }, indent: null };
  }

  /** The JSON text of one string is short and has no keys: here `JSON.parse` can do no harm. */
  #string(): string {
    const start = this.at;
    this.at += 1;
    let escaped = false;
    for (;;) {
      PLAIN_TEXT.lastIndex = this.at;
      this.at += PLAIN_TEXT.exec(this.#text)?.[0].length ?? 0;
      const next = this.#text[this.at];
      if (next === '"') break;
      if (next !== "\\") throw this.fault("a string that does not end, or holds a control character");
      escaped = true;
      this.at += 2;
    }
    this.at += 1;
    return escaped ? this.#unescape(start) : this.#text.slice(start + 1, this.at - 1);
  }

  #unescape(start: number): string {
    try {
      const text = JSON.parse(this.#text.slice(start, this.at)) as string;
      if (!LONE_SURROGATE.test(text)) return text;
    } catch {
      // Falls through: the library's message holds the text.
    }
    throw this.fault("a string with an escape that is none");
  }

  #expect(character: string): void {
    if (this.#text[this.at] !== character) throw this.fault(`"${character}" is missing`);
    this.at += 1;
  }
}
