/** When the next look is due. Signals only move it forward. */
import type { Clock } from "../clock.ts";

/** Longest single sleep, milliseconds. */
const LONGEST = 60_000;

export class Alarm {
  readonly #clock: Clock;
  /** Milliseconds since the epoch. */
  #due = Number.POSITIVE_INFINITY;
  #wake: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Due in `ms` milliseconds, or earlier where it is due already. */
  in(ms: number): void {
    this.#due = Math.min(this.#due, this.#clock.now() + ms);
    this.#wake?.();
  }

  /** Nothing is due any more: what was, is being done. */
  clear(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Until it is due, or `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    for (let left = this.#left(); left > 0 && !signal.aborted; left = this.#left()) {
      const woken = new AbortController();
      this.#wake = () => {
        woken.abort();
      };
      await this.#clock.sleep(Math.min(left, LONGEST), AbortSignal.any([woken.signal, signal]));
      this.#wake = null;
    }
  }

  #left(): number {
    return this.#due - this.#clock.now();
  }
}
