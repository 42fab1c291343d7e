/** Many events, one call: after a quiet window, or after `maxWaitMs` at the latest. */
import type { Clock } from "../clock.ts";

export interface DebounceOptions {
  readonly clock: Clock;
  readonly quietMs: number;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal;
  readonly fire: () => Promise<void>;
}

/**
 * Returns the trigger. Counts windows in which nothing came instead of comparing times: a clock that jumps (NTP, a
 * resumed laptop) makes it neither early nor late. An event during `fire` makes another round.
 */
export function debounce({ clock, quietMs, maxWaitMs, signal, fire }: DebounceOptions): () => void {
  let events = 0;
  let running = false;

  async function settle(): Promise<void> {
    let seen: number;
    let waited = 0;
    do {
      seen = events;
      const window = Math.min(quietMs, maxWaitMs - waited);
      await clock.sleep(window, signal);
      waited += window;
    } while (seen !== events && waited < maxWaitMs && !signal.aborted);
  }

  async function run(): Promise<void> {
    running = true;
    let handled: number;
    do {
      await settle();
      handled = events;
      if (!signal.aborted) await fire();
    } while (handled !== events && !signal.aborted);
    running = false;
  }

  return () => {
    events++;
    if (!running) void run();
  };
}
