/** Where something was seen, before it is judged; and what was to be looked at and was not. */
import { toSidecryptError } from "../errors.ts";
import type { Hit, Searcher } from "../search/index.ts";
import type { Gap, Looked, Rule } from "./types.ts";

export interface Sighting {
  readonly rule: Rule;
  /** A container's name, an image's tag, a volume's or a network's name. */
  readonly subject: string;
  /** The id of the container that it was seen in or of; null: of none. */
  readonly container: string | null;
  /** As the searcher names it: a secret, or `shape:<kind>`. */
  readonly name: string;
  readonly place: string;
  readonly form: string;
}

export type Counted = Exclude<keyof Looked, "secrets">;

/** Collects what the places show. One for the stack, another one for the self-test. */
export class Sightings {
  readonly searcher: Searcher;
  readonly gaps: Gap[] = [];
  readonly limits: Gap[] = [];
  readonly #seen = new Map<string, Sighting>();
  readonly #counts = new Map<Counted, number>();

  constructor(searcher: Searcher) {
    this.searcher = searcher;
  }

  get all(): readonly Sighting[] {
    return [...this.#seen.values()];
  }

  count(what: Counted, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  counted(what: Counted): number {
    return this.#counts.get(what) ?? 0;
  }

  json(at: Spot, document: unknown): void {
    for (const { path, ...hit } of this.searcher.searchJson(document)) this.hit({ ...at, place: at.place + path }, hit);
  }

  text(at: Spot, text: Uint8Array | string): void {
    for (const hit of this.searcher.search(text)) this.hit(at, hit);
  }

  /** One value is often found in several forms of one place: the first is enough. */
  hit({ rule, subject, container, place }: Spot, { name, form }: Hit): void {
    const key = JSON.stringify([rule, subject, place, name]);
    if (!this.#seen.has(key)) this.#seen.set(key, { rule, subject, container, place, name, form });
  }

  /** Runs a look; what the engine refuses or does not answer is a gap, and the others go on. */
  async look(subject: string, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.gap(subject, what, whyNot(thrown));
    }
  }

  gap(subject: string, what: string, why: string): void {
    this.gaps.push({ subject, what, why });
  }

  limit(subject: string, what: string, why: string): void {
    this.limits.push({ subject, what, why });
  }
}

export interface Spot {
  readonly rule: Rule;
  readonly subject: string;
  readonly container: string | null;
  readonly place: string;
}

const whyNot = (thrown: unknown): string => toSidecryptError(thrown).message;
