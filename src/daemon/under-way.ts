/** The units that are being rolled, and which other may be begun beside them. */
import { toSidecryptError } from "../errors.ts";
import { reached, servicesOf } from "../plan/index.ts";
import { volumesOf } from "../roll/operation.ts";
import type { Unit } from "../types.ts";

/** Service to the services that must come first. */
type Order = Parameters<typeof reached>[0];

export class UnderWay {
  readonly #units = new Map<Unit, Promise<void>>();
  #ended = 0;
  #failures: unknown[] = [];

  get size(): number {
    return this.#units.size;
  }

  /** How many have ended so far. */
  get ended(): number {
    return this.#ended;
  }

  /** Nobody else writes to these drops. */
  get volumes(): ReadonlySet<string> {
    return new Set([...this.#units.keys()].flatMap(volumesOf));
  }

  get services(): ReadonlySet<string> {
    return new Set([...this.#units.keys()].flatMap(servicesOf));
  }

  begin(unit: Unit, work: Promise<void>): void {
    const done = work
      .catch((thrown: unknown) => {
        this.#failures.push(thrown);
      })
      .finally(() => {
        this.#units.delete(unit);
        this.#ended++;
      });
    this.#units.set(unit, done);
  }

  /** It is one of them, perhaps planned anew from what is half done. */
  has(unit: Unit): boolean {
    const { volumes } = this;
    return volumesOf(unit).some((volume) => volumes.has(volume));
  }

  /**
   * One bad key stops at the first bot: whoever shares a changed name with a unit under way waits for its outcome. And
   * a client's gate proves nothing while the server that it logs in to is being replaced.
   */
  allows(unit: Unit, order: Order): boolean {
    if (this.has(unit)) return false;
    const names = new Set([...this.#units.keys()].flatMap((one) => one.names));
    if (unit.names.some((name) => names.has(name))) return false;
    const [mine, others] = [new Set(servicesOf(unit)), this.services];
    const isClient = [...mine].some((service) => reached(order, service, others).size > 0);
    return !isClient && ![...others].some((service) => reached(order, service, mine).size > 0);
  }

  /** Until one of them has ended. */
  async oneEnded(): Promise<void> {
    await Promise.race(this.#units.values());
  }

  async allEnded(): Promise<void> {
    await Promise.all(this.#units.values());
  }

  /** Throws what one of them threw, once. */
  rethrow(): void {
    const [first] = this.#failures;
    this.#failures = [];
    if (first !== undefined) throw toSidecryptError(first);
  }
}
