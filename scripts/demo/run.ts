/** Processes and waits. A failure says what was expected; no message here repeats an input, which may be a secret. */
import { spawn } from "node:child_process";

/** An expectation of the story that does not hold. */
export class Failure extends Error {}

export function expect(holds: boolean, expectation: string): asserts holds {
  if (!holds) throw new Failure(`expected: ${expectation}`);
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Straight to the terminal. */
  readonly shown?: boolean;
}

export function tryRun(file: string, args: readonly string[], { input, shown }: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const output = shown === true ? "inherit" : "pipe";
    const child = spawn(file, args, { stdio: [input === undefined ? "ignore" : "pipe", output, output] });
    const chunks: [Buffer[], Buffer[]] = [[], []];
    child.stdout?.on("data", (chunk: Buffer) => chunks[0].push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks[1].push(chunk));
    child.on("error", () => {
      reject(new Failure(`${file} cannot be run`));
    });
    child.on("close", (code) => {
      const [stdout, stderr] = chunks.map((parts) => Buffer.concat(parts).toString());
      resolve({ code: code ?? 1, stdout: stdout ?? "", stderr: stderr ?? "" });
    });
    // A command that ends without reading is judged by its exit status.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryRun(file, args, options);
  if (code === 0) return stdout;
  throw new Failure(`${[file, ...args].join(" ")} failed with exit status ${code}\n${stderr.trim()}`);
}

const LOOK_EVERY = 250;

/** Looks until there is something to see. @throws Failure when the time is up */
export async function until<T>(expectation: string, limit: number, look: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + limit;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (Date.now() > deadline) throw new Failure(`expected within ${limit / 1000} s: ${expectation}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}
