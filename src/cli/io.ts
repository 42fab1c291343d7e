/** What the commands take from the world; src/main.ts builds the real one, tests a small one. */
import type { Clock } from "../clock.ts";
import type { Config, Environment } from "../config.ts";
import type { Evidence } from "../docker/evidence.ts";
import type { DockerPort } from "../docker/port.ts";
import type { Ran, RunOptions } from "../process.ts";

/** `process.stdin` fits. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

export interface Output {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array): unknown;
}

export interface Io {
  readonly env: Environment;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  /** Of package.json. */
  readonly version: string;
  /** A line typed at the terminal, stdin left alone for others to read; null: there is no terminal. */
  readonly readLine: (() => Promise<string>) | null;
  /**
   * Calls `clean`, which must be synchronous, before the process ends in a way that it can see, signals included, until
   * the returned function is called. `keepsInterrupt`: until then Ctrl-C is another process's, and ends nothing here.
   */
  readonly beforeEnd: (clean: () => void, options?: { readonly keepsInterrupt?: boolean }) => () => void;
  /** Runs until it is told to stop; resolves with the exit status. */
  startDaemon(config: Config): Promise<number>;
  /** To act on, and to look at. */
  openEngine(config: Config): Promise<{ readonly docker: DockerPort; readonly evidence: Evidence }>;
  /** Docker's own command line, in our environment. */
  docker(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Aborts when somebody wants the command to end; from then on a signal no longer ends the process by itself. */
  interrupted(): AbortSignal;
}
