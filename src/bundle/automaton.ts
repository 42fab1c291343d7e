/**
 * Finds a pattern in names. It keeps the set of possible states, which no pattern can make hang, and remembers where a
 * set leads, as RE2 does: an honest pattern soon costs one look-up for a character. Only what is worked out anew counts,
 * so that the budget bounds a hostile pattern in time and in memory.
 */
import { SidecryptError } from "../errors.ts";
import { MAX_PATTERN_STEPS } from "./limits.ts";

export type Test = (code: number) => boolean;
export type State =
  | { readonly kind: "byte"; readonly test: Test; readonly next: State }
  | { readonly kind: "split"; readonly outs: State[] }
  | { readonly kind: "start" | "end"; readonly next: State }
  | { readonly kind: "match" };
type Reader = Extract<State, { kind: "byte" }>;

/** What may be the case after some characters of a text. */
interface Place {
  readonly readers: readonly Reader[];
  /** Whatever follows. */
  readonly matches: boolean;
  /** If nothing follows. */
  readonly matchesAtEnd: boolean;
  readonly after: Map<number, Place>;
}

/** Steps that a place costs beyond its states, for the memory that it takes. */
const PLACE_STEPS = 50;

export class Automaton {
  readonly #start: State;
  readonly #first: Place;
  readonly #places = new Map<string, Place>();
  readonly #numbers = new Map<State, number>();
  #budget = MAX_PATTERN_STEPS;

  constructor(start: State) {
    this.#start = start;
    this.#first = this.#placeOf([start], true);
  }

  /** An unanchored search. Throws where the budget is spent. */
  finds(text: string): boolean {
    let place = this.#first;
    for (let at = 0; at < text.length && !place.matches; at += 1) {
      const code = text.charCodeAt(at);
      place = place.after.get(code) ?? this.#follow(place, code);
    }
    return place.matches || place.matchesAtEnd;
  }

  #follow(place: Place, code: number): Place {
    this.#spend(place.readers.length);
    const reached = new Set(place.readers.filter(({ test }) => test(code)).map(({ next }) => next));
    const key = [...reached].map((state) => this.#numberOf(state)).sort((a, b) => a - b);
    const name = key.join(" ");
    const next = this.#places.get(name) ?? this.#placeOf([this.#start, ...reached], false);
    this.#places.set(name, next);
    place.after.set(code, next);
    return next;
  }

  #placeOf(states: readonly State[], isStart: boolean): Place {
    const [here, atEnd] = [closure(states, isStart, false), closure(states, isStart, true)];
    this.#spend(here.length + atEnd.length + PLACE_STEPS);
    return {
      readers: here.filter((state) => state.kind === "byte"),
      matches: here.some(isMatch),
      matchesAtEnd: atEnd.some(isMatch),
      after: new Map(),
    };
  }

  #numberOf(state: State): number {
    const number = this.#numbers.get(state) ?? this.#numbers.size;
    this.#numbers.set(state, number);
    return number;
  }

  #spend(steps: number): void {
    this.#budget -= steps;
    if (this.#budget < 0) throw new SidecryptError("bundle-unsupported", "the file's rule takes too long to apply");
  }
}

/** What can be reached without reading. Iterative, since chains can be long. */
function closure(from: readonly State[], isStart: boolean, isEnd: boolean): State[] {
  const here = new Set<State>();
  const open = [...from];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (here.has(state)) continue;
    here.add(state);
    if (state.kind === "split") open.push(...state.outs);
    if ((state.kind === "start" && isStart) || (state.kind === "end" && isEnd)) open.push(state.next);
  }
  return [...here];
}

function isMatch({ kind }: State): boolean {
  return kind === "match";
}
