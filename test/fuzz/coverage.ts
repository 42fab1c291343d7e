/** Which blocks of src/ ran, from V8's own counters, in this process. */
import { Session, type Profiler } from "node:inspector/promises";

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  static async start(): Promise<Coverage> {
    const coverage = new Coverage();
    coverage.#session.connect();
    await coverage.#session.post("Profiler.enable");
    await coverage.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    return coverage;
  }

  get blocks(): number {
    return this.#seen.size;
  }

  /** How many blocks ran since the last call for the first time. */
  async news(): Promise<number> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    const before = this.#seen.size;
    for (const script of result) if (script.url.includes("/src/")) this.#note(script);
    return this.#seen.size - before;
  }

  stop(): void {
    this.#session.disconnect();
  }

  #note({ url, functions }: Profiler.ScriptCoverage): void {
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count > 0) this.#seen.add(`${url}:${startOffset}-${endOffset}:${magnitude(count)}`);
      }
    }
  }
}

/** A loop that runs a hundred times where it ran once is something new. */
function magnitude(count: number): number {
  return Math.min(3, Math.floor(Math.log10(count)));
}
