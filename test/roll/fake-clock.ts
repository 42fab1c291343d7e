import type { Clock } from "../../src/clock.ts";

/** Time passes where somebody sleeps, and only there; `beforeSleep` scripts what happens meanwhile. */
export class FakeClock implements Clock {
  time: number;
  beforeSleep: (now: number) => void = () => undefined;

  constructor(time = Date.parse("2026-01-01T00:00:00Z")) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    this.beforeSleep(this.time);
    // Concurrent sleepers each move it: no wait of the code under test counts on being the only one.
    this.time += ms;
    await Promise.resolve();
  }
}
