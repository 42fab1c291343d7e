/** The sidecar's log as it comes, so that nothing has to be asked while something is measured. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure } from "../scripts/demo/run.ts";

export interface LogLine {
  readonly event: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly service?: string;
  readonly services?: readonly string[];
}

type RawLine = Omit<LogLine, "at"> & { readonly time: string };

/** Milliseconds for one turn of fifty bots on a slow machine. */
const PATIENCE = 300_000;
const TROUBLE = new Set(["rolled-back", "undone", "roll-stuck", "consumer-refused", "bundle-refused", "look-failed"]);

export class SidecarLog {
  readonly #lines: LogLine[] = [];
  readonly #child: ChildProcess;
  #onLine: () => void = () => undefined;

  constructor(container: string) {
    const child = spawn("docker", ["logs", "--follow", container], { stdio: ["ignore", "pipe", "ignore"] });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (text) => {
      const { time, ...line } = JSON.parse(text) as RawLine;
      this.#lines.push({ ...line, at: Date.parse(time) });
      this.#onLine();
    });
  }

  since(moment: number): readonly LogLine[] {
    return this.#lines.filter((line) => line.at >= moment);
  }

  /** Until that many units have committed since then. */
  async committed(units: number, moment: number): Promise<readonly LogLine[]> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Failure(`expected within ${PATIENCE / 1000} s: ${units} committed units`));
      }, PATIENCE);
      this.#onLine = () => {
        const lines = this.since(moment);
        const trouble = lines.find((line) => TROUBLE.has(line.event));
        if (trouble !== undefined) reject(new Failure(`expected: a roll without ${JSON.stringify(trouble)}`));
        if (lines.filter((line) => line.event === "roll-committed").length >= units) resolve();
      };
      this.#onLine();
    }).finally(() => {
      clearTimeout(timer);
      this.#onLine = () => undefined;
    });
    return this.since(moment);
  }

  close(): void {
    this.#child.kill();
  }
}
