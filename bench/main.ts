/**
 * npm run bench: what the sidecar costs while nothing happens, beside a bare Node in the same image, in the same run.
 * Each figure is the median of several looks.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUNDLE_NAME, ROOT } from "../scripts/demo/files.ts";
import { line, table } from "../scripts/demo/print.ts";
import { expect, run, tryRun } from "../scripts/demo/run.ts";
import { useLocalEngine } from "../scripts/demo/stack.ts";

const IMAGE = "sidecrypt";
const PROJECT = "sidecrypt-bench";
/** Milliseconds until a start has been digested. */
const IDLE_AFTER = 15_000;
const LOOKS = 7;
const LOOK_EVERY = 1_000;
const BARE = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--entrypoint", "/usr/local/bin/node"];

async function main(): Promise<void> {
  const { code } = await tryRun("bash", ["scripts/setup.sh"], { shown: true });
  expect(code === 0, "scripts/setup.sh finds or makes what the bench needs");
  await useLocalEngine();
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-bench-"));
  const compose = ["compose", "-p", PROJECT, "-f", `${directory}/compose.yaml`];
  let bare: string | null = null;
  try {
    await prepare(directory);
    await run("docker", [...compose, "up", "--detach", "--wait"]);
    const sidecar = (await run("docker", [...compose, "ps", "--quiet", "secrets"])).trim();
    bare = (await run("docker", ["run", "--detach", ...BARE, IMAGE, "-e", "setInterval(() => {}, 1e6)"])).trim();
    await report(sidecar, bare);
  } finally {
    if (bare !== null) await run("docker", ["rm", "--force", bare]);
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

async function report(sidecar: string, bare: string): Promise<void> {
  await sleep(IDLE_AFTER);
  const [ours, theirs] = [await residentSize(sidecar), await residentSize(bare)];
  const size = Number(await run("docker", ["image", "inspect", "--format", "{{.Size}}", IMAGE]));
  const node = (await run("docker", ["exec", bare, "node", "--version"])).trim();
  line();
  table(
    ["IDLE", "RSS", "OF BARE NODE"],
    [
      [`a bare node ${node}`, megabytes(theirs), ""],
      ["the sidecar, two consumers", megabytes(ours), `${(ours / theirs).toFixed(2)} x`],
    ],
  );
  line(`     the image: ${megabytes(size)}`);
}

/** Bytes, of the container's process 1. */
async function residentSize(container: string): Promise<number> {
  const looks: number[] = [];
  while (looks.length < LOOKS) {
    const script = "process.stdout.write(require('fs').readFileSync('/proc/1/status'))";
    const status = await run("docker", ["exec", container, "node", "-e", script]);
    looks.push(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024);
    await sleep(LOOK_EVERY);
  }
  return looks.sort((a, b) => a - b)[Math.floor(LOOKS / 2)]!;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

await main();
