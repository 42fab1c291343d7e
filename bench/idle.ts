/** What the sidecar costs while nothing happens, beside a bare Node in the same image. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUNDLE_NAME, ROOT } from "../scripts/demo/files.ts";
import { run } from "../scripts/demo/run.ts";
import type { Api, Json } from "./api.ts";
import type { Report } from "./report.ts";
import { PROJECT } from "./stacks.ts";
import { median, megabytes, ratio } from "./statistics.ts";
import { pause } from "./turns.ts";

const IMAGE = "sidecrypt";
const IDLE_PROJECT = `${PROJECT}-idle`;
/** Milliseconds until a start has been digested. */
const IDLE_AFTER = 15_000;
const LOOKS = 7;
const LOOK_EVERY = 1_000;
const MOST_MEMORY = 1.5;
const DO_NOTHING = ["-e", "setInterval(() => {}, 1e6)"];

/** Milliseconds of a processor. */
interface Processor {
  /** Process 1 alone. */
  readonly process: number;
  /** All of the container, its health checks included. */
  readonly container: number;
}

export async function measureIdle(api: Api, duration: number, report: Report): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-bench-"));
  const compose = ["compose", "-p", IDLE_PROJECT, "-f", `${directory}/compose.yaml`];
  const bare: string[] = [];
  try {
    await prepare(directory);
    await run("docker", [...compose, "up", "--detach", "--wait"]);
    const sidecar = (await run("docker", [...compose, "ps", "--quiet", "secrets"])).trim();
    for (const flags of [[], await flagsOf(api)]) bare.push(await startBare(flags));
    await pause(IDLE_AFTER);
    const [plain = "", flagged = ""] = bare;
    const before = await processor(api, sidecar);
    await pause(duration);
    const after = await processor(api, sidecar);
    const sizes = {
      sidecar: await residentSize(sidecar),
      plain: await residentSize(plain),
      flagged: await residentSize(flagged),
    };
    const { Size } = await api.get(`/images/${IMAGE}/json`);
    tell(
      sizes,
      { process: after.process - before.process, container: after.container - before.container },
      duration,
      report,
    );
    report.table("The image", ["IMAGE", "SIZE"], [["sidecrypt", megabytes(Number(Size))]]);
  } finally {
    for (const id of bare) await api.remove(id);
    await run("docker", [...compose, "down", "--volumes", "--timeout", "10"]);
    await rm(directory, { recursive: true });
  }
}

/** The minimal stack of the README, with the demonstration bundle. */
async function prepare(directory: string): Promise<void> {
  await cp(join(ROOT, "compose/minimal/compose.yaml"), join(directory, "compose.yaml"));
  await cp(join(ROOT, BUNDLE_NAME), join(directory, "secrets", BUNDLE_NAME));
  await cp(join(ROOT, "compose/demo/demonstration-only.age.key"), join(directory, "age.key"));
}

/** The flags of Node that the image gives the daemon. */
async function flagsOf(api: Api): Promise<string[]> {
  const { Entrypoint } = (await api.get(`/images/${IMAGE}/json`))["Config"] as { Entrypoint: string[] };
  return Entrypoint.filter((argument) => argument.startsWith("--"));
}

async function startBare(flags: readonly string[]): Promise<string> {
  const closed = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--entrypoint", "/usr/local/bin/node"];
  return (await run("docker", ["run", "--detach", ...closed, IMAGE, ...flags, ...DO_NOTHING])).trim();
}

interface Sizes {
  readonly sidecar: number;
  readonly plain: number;
  readonly flagged: number;
}

function tell({ sidecar, plain, flagged }: Sizes, used: Processor, duration: number, report: Report): void {
  const share = (ms: number): string => `${((100 * ms) / duration).toFixed(2)} %`;
  report.table(
    `Idle: memory (RSS), and share of one core over ${duration / 1000} s`,
    ["WHAT", "RSS", "OF BARE NODE", "CORE"],
    [
      ["a bare node", megabytes(plain), "", ""],
      ["a bare node with the image's flags", megabytes(flagged), ratio(flagged / plain), ""],
      ["the sidecar, two consumers", megabytes(sidecar), ratio(sidecar / plain), share(used.process)],
      ["its container, the image's health check every 5 s included", "", "", share(used.container)],
    ],
  );
  report.target(
    `idle RSS at most ${MOST_MEMORY} times a bare node`,
    ratio(sidecar / plain),
    sidecar <= MOST_MEMORY * plain,
  );
  const beside = `idle RSS at most ${MOST_MEMORY} times a bare node with the image's flags`;
  report.target(beside, ratio(sidecar / flagged), sidecar <= MOST_MEMORY * flagged);
}

/** Bytes, of the container's process 1. */
async function residentSize(container: string): Promise<number> {
  const looks: number[] = [];
  while (looks.length < LOOKS) {
    looks.push(Number(/^VmRSS:\s+(\d+) kB$/m.exec(await ofProcess(container, "status"))?.[1]) * 1024);
    await pause(LOOK_EVERY);
  }
  return median(looks);
}

/** The image has no shell. */
function ofProcess(container: string, file: "stat" | "status"): Promise<string> {
  const script = `process.stdout.write(require('fs').readFileSync('/proc/1/${file}'))`;
  return run("docker", ["exec", container, "node", "-e", script]);
}

const NANOSECONDS = 1e6;
/** Milliseconds; Linux counts in hundredths of a second for programs. */
const TICK = 10;

async function processor(api: Api, container: string): Promise<Processor> {
  // proc(5): the second field is in parentheses; user and system time are the 14th and the 15th.
  const fields = (await ofProcess(container, "stat")).replace(/^.*\) /, "").split(" ");
  const stats = await api.get(`/containers/${container}/stats?stream=false&one-shot=true`);
  const { total_usage } = (stats["cpu_stats"] as { cpu_usage: Json }).cpu_usage;
  return { process: (Number(fields[11]) + Number(fields[12])) * TICK, container: Number(total_usage) / NANOSECONDS };
}
