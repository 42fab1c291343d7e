/** For how long two containers of one service ran at once, by the engine's own clock. */
import type { EngineEvent } from "./events.ts";

const NANOSECONDS_A_MS = 1e6;

/** Milliseconds of the longest time that a second one of them ran. */
export function longestOverlap(events: readonly EngineEvent[]): number {
  const running = new Set<string>();
  let since = 0;
  let longest = 0;
  for (const { action, container, time } of events.toSorted((a, b) => a.time - b.time)) {
    const before = running.size;
    if (action === "start") running.add(container);
    if (action === "die") running.delete(container);
    if (before < 2 && running.size >= 2) since = time;
    if (before >= 2 && running.size < 2) longest = Math.max(longest, time - since);
  }
  return longest / NANOSECONDS_A_MS;
}
