/** argv → command → exit status; the only file that builds the real adapters. */
import { hostname } from "node:os";
import { systemClock } from "./clock.ts";
import { createBeforeEnd } from "./cli/before-end.ts";
import { main } from "./cli/index.ts";

import type { Io } from "./cli/io.ts";
import type { Config } from "./config.ts";
import type { Evidence } from "./docker/evidence.ts";
import type { DockerPort } from "./docker/port.ts";
import { EXIT_STATUS, systemCode } from "./errors.ts";
import { describeCrash } from "./frames.ts";
import { harden } from "./harden.ts";
import { createRedactor } from "./report/redact.ts";
import { VERSION } from "./version.ts";

/** Bytes, as it was before Node 22. */
const POOL = 8192;

const redactor = createRedactor();

async function connect(socketPath: string, callTimeout: number): Promise<DockerPort> {
  // Only here: a health check every other second must not load the engine's client.
  const { connectEngine } = await import("./docker/engine.ts");
  return connectEngine(socketPath, { clock: systemClock, callTimeout });
}

/** From then on such a signal asks for an orderly end, and no longer ends the process. */
function interrupted(signals: readonly NodeJS.Signals[]): AbortSignal {
  const stop = new AbortController();
  for (const signal of signals) {
    process.on(signal, () => {
      stop.abort();
    });
  }
  return stop.signal;
}

async function startDaemon(config: Config): Promise<number> {
  const [{ runDaemon }, { createLog }] = await Promise.all([import("./daemon/daemon.ts"), import("./report/log.ts")]);
  // What is kept of a small buffer keeps all of its pool.
  Buffer.poolSize = POOL;
  // Files on the drops get their modes by hand, directories theirs from here (deliver/).
  process.umask(0o022);
  const write = (line: string): void => void process.stdout.write(line);
  const log = createLog({ level: config.logLevel, write, redactor, clock: systemClock });
  await runDaemon({
    config,
    clock: systemClock,
    log,
    redactor,
    version: VERSION,
    hostname: hostname(),
    stop: interrupted(["SIGTERM", "SIGINT"]),
    connect,
  });
  return 0;
}

async function openEngine({ dockerSocket, apiTimeout }: Config): Promise<{ docker: DockerPort; evidence: Evidence }> {
  const { openEvidence } = await import("./docker/evidence.ts");
  const docker = await connect(dockerSocket, apiTimeout);
  const patience = { clock: systemClock, callTimeout: apiTimeout };
  return { docker, evidence: openEvidence(dockerSocket, docker.apiVersion, patience) };
}

async function readLine(): Promise<string> {
  const terminal = await import("./cli/terminal.ts");
  return terminal.readLine();
}

const runDocker: Io["docker"] = async (args, options) => {
  const processes = await import("./process.ts");
  return processes.runDocker(args, process.env, options);
};

function die(thrown: unknown): never {
  process.stderr.write(redactor.redact(describeCrash(thrown)));
  process.exit(EXIT_STATUS.internal);
}

harden();
// `sidecrypt status | head`: whoever reads no further has what they wanted.
process.stdout.on("error", (error) => {
  if (systemCode(error) === "EPIPE") process.exit(0);
  die(error);
});
process.on("uncaughtException", die);
process.on("unhandledRejection", die);

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  // Opened when it is read: a health check has no use for it.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  version: VERSION,
  get readLine() {
    return process.stdin.isTTY ? readLine : null;
  },
  beforeEnd: createBeforeEnd(),
  startDaemon,
  openEngine,
  docker: runDocker,
  interrupted: () => interrupted(["SIGTERM", "SIGINT", "SIGHUP"]),
});
