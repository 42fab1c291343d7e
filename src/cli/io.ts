/** What the commands take from the world; src/main.ts builds the real one, tests a small one. */
import type { Clock } from "../clock.ts";
import type { Config, Environment } from "../config.ts";
import type { Evidence } from "../docker/evidence.ts";
import type { DockerPort } from "../docker/port.ts";

/** `process.stdin` fits. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

export interface Output {
  write(text: string): unknown;
}

export interface Io {
  readonly env: Environment;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  /** Of package.json. */
  readonly version: string;
  /** Runs until it is told to stop; resolves with the exit status. */
  startDaemon(config: Config): Promise<number>;
  /** To act on, and to look at. */
  openEngine(config: Config): Promise<{ readonly docker: DockerPort; readonly evidence: Evidence }>;
}
