/**
 * How the cycle looks at containers and drops: with what is known of each container already, and ahead of a changed
 * bundle, while the quiet after its file's change is waited for.
 */
import type { Clock } from "../clock.ts";
import type { ContainerEvent, DockerPort } from "../docker/port.ts";
import type { Observed } from "../types.ts";
import { ContainerCache } from "./container-cache.ts";
import { type KnownOptions, observe } from "./observe.ts";
import type { Self } from "./self.ts";

interface Ahead {
  readonly observed: Observed;
  readonly begun: number;
  /** What the engine had told by then. */
  readonly news: number;
}

/** Milliseconds. Of what containers outside the project do the engine tells nothing. */
const GOOD_FOR = 1_000;

export class Observer {
  readonly #docker: DockerPort;
  readonly #self: Self;
  readonly #clock: Pick<Clock, "now">;
  readonly #cache: ContainerCache;
  readonly #options: KnownOptions = new Map();
  #ahead: Ahead | null = null;

  constructor(docker: DockerPort, self: Self, clock: Pick<Clock, "now">) {
    this.#docker = docker;
    this.#self = self;
    this.#clock = clock;
    this.#cache = new ContainerCache(docker);
  }

  /** The stream of events was opened, or has broken. */
  told(isTold: boolean): void {
    this.#cache.told(isTold);
  }

  hear(event: ContainerEvent): void {
    this.#cache.hear(event);
  }

  /** From now on all is looked at anew. */
  renew(): void {
    this.#cache.renew();
  }

  /** @param anew nothing that is known will do */
  async look(anew: boolean): Promise<Observed> {
    const ahead = this.#ahead;
    // Whoever looks may change what it has seen.
    this.#ahead = null;
    return !anew && ahead !== null && this.#isGood(ahead) ? ahead.observed : this.#observe(anew);
  }

  /** For the next look. Nobody changes a drop between the two. Never throws: what is wrong shows in that look. */
  async lookAhead(): Promise<void> {
    if (this.#ahead !== null && this.#isGood(this.#ahead)) return;
    const [begun, { news }] = [this.#clock.now(), this.#cache];
    const observed = await this.#observe(false).catch(() => null);
    this.#ahead = observed === null ? null : { observed, begun, news };
  }

  #isGood({ begun, news }: Ahead): boolean {
    return this.#cache.isReliable && this.#cache.news === news && this.#clock.now() - begun < GOOD_FOR;
  }

  #observe(anew: boolean): Promise<Observed> {
    return observe(this.#docker, this.#self, this.#options, (row) => this.#cache.of(row, anew));
  }
}
