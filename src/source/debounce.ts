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
 * Returns the trigger. Sleeps that are begun anew instead of times that are compared: a clock that jumps (NTP, a
 * resumed laptop) makes it neither early nor late. An event during `fire` makes another round.
 */
export function debounce({ clock, quietMs, maxWaitMs, signal, fire }: DebounceOptions): () => void {
  let events = 0;
  let running = false;
  let wake = (): void => undefined;

  /** One change is several events within a millisecond: the quiet counts from the last one, not in whole windows. */
  async function settle(): Promise<void> {
    const settled = new AbortController();
    const limit = new AbortController();
    void clock.sleep(maxWaitMs, settled.signal).then(() => {
      limit.abort();
      wake();
    });
    let seen: number;
    do {
      seen = events;
      const window = new AbortController();
      wake = () => {
        window.abort();
      };
      await clock.sleep(quietMs, window.signal);
    } while (seen !== events && !limit.signal.aborted && !signal.aborted);
    settled.abort();
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

  signal.addEventListener("abort", () => {
    wake();
  });
  return () => {
    events++;
    wake();
    if (!running && !signal.aborted) void run();
  };
}
