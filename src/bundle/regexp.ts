/**
 * Go's RE2, the part that rules over names need: literals, classes, groups, alternation, anchors, repetition. A pattern
 * comes from an untrusted file: what this does not know is refused, never guessed, and no backtracking engine, which such
 * a pattern can make hang, is asked (automaton.ts).
 */
import { Automaton, type State, type Test } from "./automaton.ts";
import { MAX_PATTERN_LENGTH, MAX_PATTERN_STATES } from "./limits.ts";

/** Builds the states that lead to `next`; called once for each copy that a repetition needs. */
type Node = (next: State) => State;

/** An unanchored search, like Go's `MatchString`. Null: beyond the subset. */
export function compilePattern(pattern: string): Matcher | null {
  if (pattern.length > MAX_PATTERN_LENGTH || !/^[\x20-\x7e]*$/.test(pattern)) return null;
  try {
    const start = new Parser(pattern).parse()({ kind: "match" });
    const automaton = new Automaton(start);
    return (text) => automaton.finds(text);
  } catch (thrown) {
    if (thrown instanceof Unsupported) return null;
    throw thrown;
  }
}

export type Matcher = (text: string) => boolean;

class Unsupported extends Error {}

const DIGIT: Test = (code) => code >= 48 && code <= 57;
const WORD: Test = (code) => DIGIT(code) || code === 95 || isLetter(code);
const SPACE: Test = (code) => code === 32 || (code >= 9 && code <= 13 && code !== 11);
const PERL: Readonly<Record<string, Test>> = {
  d: DIGIT,
  w: WORD,
  s: SPACE,
  D: not(DIGIT),
  W: not(WORD),
  S: not(SPACE),
};

function not(test: Test): Test {
  return (code) => !test(code);
}

function isLetter(code: number): boolean {
  const lower = code | 32;
  return lower >= 97 && lower <= 122;
}

class Parser {
  readonly #text: string;
  #at = 0;
  #states = 0;
  readonly #fold: boolean;

  constructor(pattern: string) {
    this.#fold = pattern.startsWith("(?i)");
    this.#text = this.#fold ? pattern.slice(4) : pattern;
  }

  parse(): Node {
    const node = this.#alternation();
    if (this.#at < this.#text.length) throw new Unsupported();
    return node;
  }

  #alternation(): Node {
    const branches = [this.#sequence()];
    while (this.#take("|")) branches.push(this.#sequence());
    const [only] = branches;
    if (branches.length === 1 && only !== undefined) return only;
    const counted = (branch: Node, next: State): State => {
      this.#count();
      return branch(next);
    };
    return (next) => this.#state({ kind: "split", outs: branches.map((branch) => counted(branch, next)) });
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#peek())) parts.push(this.#repeated());
    return (next) => parts.reduceRight((state, part) => part(state), next);
  }

  #repeated(): Node {
    const atom = this.#atom();
    const node = this.#quantified(atom);
    if (node === atom) return atom;
    this.#take("?"); // lazy or greedy: the same answer
    if (/[*+?{]/.test(this.#peek())) throw new Unsupported();
    return node;
  }

  #quantified(atom: Node): Node {
    if (this.#take("*")) return this.#repeat(atom, 0, Infinity);
    if (this.#take("+")) return this.#repeat(atom, 1, Infinity);
    if (this.#take("?")) return this.#repeat(atom, 0, 1);
    const [all, low, comma, high] = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(this.#text.slice(this.#at)) ?? [];
    if (all === undefined) return atom;
    this.#at += all.length;
    const least = Number(low);
    const most = high !== undefined ? Number(high) : comma !== undefined ? Infinity : least;
    if (least > 1000 || most < least || (most !== Infinity && most > 1000)) throw new Unsupported();
    return this.#repeat(atom, least, most);
  }

  #repeat(atom: Node, least: number, most: number): Node {
    return (next) => {
      let state = most === Infinity ? this.#loop(atom, next) : next;
      for (let extra = least; most !== Infinity && extra < most; extra += 1) {
        state = this.#state({ kind: "split", outs: [atom(state), next] });
      }
      for (let copy = 0; copy < least; copy += 1) {
        this.#count();
        state = atom(state);
      }
      return state;
    };
  }

  #loop(atom: Node, next: State): State {
    const outs: State[] = [];
    const loop = this.#state({ kind: "split", outs });
    outs.push(atom(loop), next);
    return loop;
  }

  #atom(): Node {
    const char = this.#next();
    if (char === "(") return this.#group();
    if (char === "[") return this.#byte(this.#class());
    if (char === ".") return this.#byte((code) => code !== 10);
    if (char === "^") return (next) => this.#state({ kind: "start", next });
    if (char === "$") return (next) => this.#state({ kind: "end", next });
    if (char === "\\") return this.#escape();
    if ("*+?{}])".includes(char)) throw new Unsupported();
    return this.#byte(this.#literal(char));
  }

  #group(): Node {
    if (this.#peek() === "?") {
      const opening = /^\?(?::|P?<\w+>)/.exec(this.#text.slice(this.#at));
      if (opening === null) throw new Unsupported();
      this.#at += opening[0].length;
    }
    const node = this.#alternation();
    if (!this.#take(")")) throw new Unsupported();
    return node;
  }

  #escape(): Node {
    const char = this.#next();
    if (char === "A") return (next) => this.#state({ kind: "start", next });
    if (char === "z") return (next) => this.#state({ kind: "end", next });
    return this.#byte(PERL[char] ?? this.#literal(this.#punctuation(char)));
  }

  #class(): Test {
    const negated = this.#take("^");
    const tests: Test[] = [];
    do tests.push(this.#classItem());
    while (!this.#take("]"));
    const any: Test = (code) => tests.some((test) => test(code));
    // A class may hold hundreds of items, and stand in thousands of states.
    const table = Array.from({ length: 128 }, (_, code) => any(code) !== negated);
    return (code) => table[code] ?? any(code) !== negated;
  }

  #classItem(): Test {
    const char = this.#next();
    // `[[:alpha:]]`, a bracket first in its class, a dash where Go and others differ
    if (char === "[" || char === "]") throw new Unsupported();
    if (char === "\\") {
      const escaped = this.#next();
      return PERL[escaped] ?? this.#rangeFrom(this.#punctuation(escaped));
    }
    return this.#rangeFrom(char);
  }

  #rangeFrom(low: string): Test {
    if (this.#peek() !== "-" || this.#text[this.#at + 1] === "]") return this.#literal(low);
    this.#at += 1;
    return this.#range(low, this.#rangeEnd());
  }

  #rangeEnd(): string {
    const char = this.#next();
    if (char === "[" || char === "]") throw new Unsupported();
    return char === "\\" ? this.#punctuation(this.#next()) : char;
  }

  #range(low: string, high: string): Test {
    const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)];
    if (from > to) throw new Unsupported();
    return this.#folded((code) => code >= from && code <= to);
  }

  #literal(char: string): Test {
    const wanted = char.charCodeAt(0);
    return this.#folded((code) => code === wanted);
  }

  #folded(test: Test): Test {
    return this.#fold ? (code) => test(code) || (isLetter(code) && test(code ^ 32)) : test;
  }

  #punctuation(char: string): string {
    if (char === "" || /[A-Za-z0-9]/.test(char)) throw new Unsupported();
    return char;
  }

  #byte(test: Test): Node {
    return (next) => this.#state({ kind: "byte", test, next });
  }

  #state(state: State): State {
    this.#count();
    return state;
  }

  /** Copies and branches count too: those of an empty group have no states, and could be nested for ever. */
  #count(): void {
    this.#states += 1;
    if (this.#states > MAX_PATTERN_STATES) throw new Unsupported();
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    const char = this.#peek();
    if (char === "") throw new Unsupported();
    this.#at += 1;
    return char;
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at += 1;
    return true;
  }
}
