/** Where something was seen, before it is judged; and what was to be looked at and was not. */
import { toSidecryptError } from "../errors.ts";
import type { Hit, Searcher } from "../search/index.ts";
import { listOf } from "./lists.ts";
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
  readonly #limits: Gap[] = [];
  readonly #unread = new Map<string, { subject: string; what: string; services: Set<string> }>();
  readonly #seen = new Map<string, Sighting>();
  readonly #counts = new Map<Counted, number>();

  constructor(searcher: Searcher) {
    this.searcher = searcher;
  }

  get all(): readonly Sighting[] {
    return [...this.#seen.values()];
  }

  get limits(): readonly Gap[] {
    const unread = [...this.#unread.values()].map(({ subject, what, services }) => {
      return { subject, what, why: `it is read by no look (${listOf([...services].toSorted())})` };
    });
    return [...this.#limits, ...unread];
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
  hit({ rule, subject, container, place }: Spot, { name, form }: Pick<Hit, "name" | "form">): void {
    const key = JSON.stringify([rule, subject, place, name]);
    if (!this.#seen.has(key)) this.#seen.set(key, { rule, subject, container, place, name, form });
  }

  /** Unless it was seen at a place that begins so: what `--watch` meets has no number that stays. */
  hitAnew(spot: Spot, hit: Pick<Hit, "name" | "form">, places: string): void {
    const { rule, subject } = spot;
    const isKnown = this.all.some((one) => {
      return one.rule === rule && one.subject === subject && one.name === hit.name && one.place.startsWith(places);
    });
    if (!isKnown) this.hit(spot, hit);
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
    once(this.gaps, { subject, what, why });
  }

  limit(subject: string, what: string, why: string): void {
    once(this.#limits, { subject, what, why });
  }

  /** A place that several services may have, and that no look reads: said, so that nobody takes it for searched. */
  unread(subject: string, what: string, service: string): void {
    const key = JSON.stringify([subject, what]);
    const place = this.#unread.get(key) ?? { subject, what, services: new Set() };
    this.#unread.set(key, place);
    place.services.add(service);
  }
}

export interface Spot {
  readonly rule: Rule;
  readonly subject: string;
  readonly container: string | null;
  readonly place: string;
}

/** `--watch` meets the same again and again. */
function once(said: Gap[], { subject, what, why }: Gap): void {
  if (said.some((one) => one.subject === subject && one.what === what && one.why === why)) return;
  said.push({ subject, what, why });
}

const whyNot = (thrown: unknown): string => toSidecryptError(thrown).message;
