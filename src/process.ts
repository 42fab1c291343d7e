/** Docker's own command line, run to its end. Nothing secret goes through arguments or environment. */
import { spawn } from "node:child_process";
import { SidecryptError, systemCode } from "./errors.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Ends the program with SIGTERM. */
  readonly signal?: AbortSignal;
}

/** @throws SidecryptError `docker-unreachable` where there is no such program */
export function runDocker(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { input = "", signal }: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // A process group of its own: what a terminal sends on ^C would end the very command that takes a stack down.
    const child = spawn("docker", args, { env, stdio: "pipe", detached: true });
    // The plugin is a process of its own below it.
    const stop = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM");
    };
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { once: true });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error) => {
      reject(noProgram(systemCode(error)));
    });
    child.on("close", (code) => {
      signal?.removeEventListener("abort", stop);
      resolve({ code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    // A program that ends without reading its input is no fault of ours.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

function noProgram(code: string | null): SidecryptError {
  return new SidecryptError(
    "docker-unreachable",
    `docker cannot be run: ${code ?? "unknown error"}`,
    "install Docker's command line with the compose plugin, or give a rendered model: --compose FILE",
  );
}
