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

  /** Until it is due, which is used up by that, or `signal` aborts. One waits at a time. */
  async wait(signal: AbortSignal): Promise<void> {
    for (let left = this.#left(); !signal.aborted; left = this.#left()) {
      if (left <= 0) {
        this.#due = Number.POSITIVE_INFINITY;
        return;
      }
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
