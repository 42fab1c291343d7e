/** Runs a command as a shell would: arguments, stdin and environment in; stdout, stderr and status out. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBundle, generateIdentity } from "../../src/bundle/index.ts";
import { main, type Input, type Io } from "../../src/cli/index.ts";
import type { Clock } from "../../src/clock.ts";

export const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);
export const clock: Clock = { now: () => NOW, sleep: () => Promise.resolve() };

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly env?: Record<string, string>;
  /** Piped in; chunks as they arrive. */
  readonly stdin?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Typed at a terminal instead. */
  readonly typed?: readonly (string | Uint8Array)[];
  /** Lines typed at a terminal's questions. */
  readonly answers?: readonly string[];
  /** Stdout is a terminal. */
  readonly terminal?: boolean;
  readonly startDaemon?: Io["startDaemon"];
  readonly docker?: Io["docker"];
}

export async function sidecrypt(argv: readonly string[], options: Options = {}): Promise<Result> {
  let stdout = "";
  let stderr = "";
  const answers = options.answers === undefined ? undefined : [...options.answers];
  const status = await main(argv, {
    env: options.env ?? {},
    stdin: options.typed === undefined ? piped(options.stdin ?? "") : new Terminal(options.typed),
    stdout: { isTTY: options.terminal ?? false, write: (text) => (stdout += textOf(text)) },
    stderr: { write: (text) => (stderr += textOf(text)) },
    clock,
    version: "0.1.0",
    readLine: answers === undefined ? null : () => Promise.resolve(answers.shift() ?? "n"),
    beforeEnd: () => () => undefined,
    startDaemon: options.startDaemon ?? (() => Promise.reject(new Error("no daemon in this test"))),
    openEngine: () => Promise.reject(new Error("no engine in this test")),
    interrupted: () => new AbortController().signal,
    docker: options.docker ?? (() => Promise.reject(new Error("no docker in this test"))),
  });
  return { status, stdout, stderr };
}

const textOf = (written: string | Uint8Array): string =>
  typeof written === "string" ? written : Buffer.from(written).toString();

function piped(stdin: NonNullable<Options["stdin"]>): Input {
  const chunks = typeof stdin === "string" || stdin instanceof Uint8Array ? [stdin] : stdin;
  return { [Symbol.asyncIterator]: () => generate(chunks) };
}

async function* generate(chunks: readonly (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

export class Terminal implements Input {
  readonly isTTY = true;
  /** Every call of setRawMode. */
  static modes: boolean[] = [];
  readonly #chunks: readonly (string | Uint8Array)[];

  constructor(chunks: readonly (string | Uint8Array)[]) {
    this.#chunks = chunks;
    Terminal.modes = [];
  }

  setRawMode(on: boolean): void {
    Terminal.modes.push(on);
  }

  [Symbol.asyncIterator](): AsyncIterator<string | Uint8Array> {
    return generate(this.#chunks);
  }
}

export interface Workshop {
  readonly dir: string;
  readonly bundle: string;
  readonly recipient: string;
  /** An environment in which the daemon would find bundle and key. */
  readonly env: Record<string, string>;
  remove(): Promise<void>;
}

/** A directory with a key and a bundle of these secrets. */
export async function workshop(secrets: Record<string, string>): Promise<Workshop> {
  const dir = await mkdtemp(join(tmpdir(), "sidecrypt-cli-"));
  const { identity, recipient } = await generateIdentity();
  const entries = Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)] as const);
  const bundle = join(dir, "prod.enc.env");
  await writeFile(join(dir, "age.key"), `${identity}\n`, { mode: 0o600 });
  await writeFile(bundle, await createBundle([recipient], entries, new Date(NOW)));
  const env = { SIDECRYPT_BUNDLE_DIR: dir, SOPS_AGE_KEY_FILE: join(dir, "age.key"), SIDECRYPT_STATE: dir };
  return { dir, bundle, recipient, env, remove: () => rm(dir, { recursive: true, force: true }) };
}
