/** Real directories, and a clock that a test moves by hand. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/clock.ts";

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sidecrypt-source-"));
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

export const looksLikeBundle = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes("sops_mac=");
export const BUNDLE = "KEY=ENC[...]\nsops_mac=ENC[...]\n";

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export class HandClock implements Clock {
  #now = 0;
  #sleepers: Sleeper[] = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener("abort", wake);
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        resolve();
      };
      const sleeper: Sleeper = { until: this.#now + ms, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }

  /** How long each sleeper still has. */
  get sleeping(): readonly number[] {
    return this.#sleepers.map((sleeper) => sleeper.until - this.#now);
  }

  /** Moves time on, from one due sleeper to the next, and lets what they wake run. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const due = this.#sleepers.filter((sleeper) => sleeper.until <= end).sort((a, b) => a.until - b.until)[0];
      if (due === undefined) break;
      this.#now = due.until;
      due.wake();
    }
    this.#now = end;
  }
}
