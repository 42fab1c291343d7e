/** `verify --canary` on a real engine: a stack from a checkout without its key, proved, and gone again in every path. */
import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { VerifyReport } from "../../src/verify/index.ts";
import { shell } from "./harness/shell.ts";
import { must, run, type Ran } from "./harness/run.ts";
import { Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const ROOT = join(import.meta.dirname, "../..");
const CLI = join(ROOT, "dist/sidecrypt.mjs");

const value = randomValue();
/** What its loop keeps of the key is no file of the container's layer then. */
const inMemory = { tmpfs: ["/tmp"] };
/** As a bot does that its exchange refuses: it ends, and the engine starts it again and again. */
const restarting = shell("BOT1_API_KEY", { ...inMemory, then: "exit 1", health: null, restart: "unless-stopped" });
let stack: Stack;

beforeAll(() => must("node", ["scripts/build.mjs"], { cwd: ROOT }));

beforeEach(async () => {
  stack = await Stack.create({ secrets: { BOT1_API_KEY: value }, services: { bot1: shell("BOT1_API_KEY", inMemory) } });
});

afterEach(() => stack.down());

const environment = (): Record<string, string> => ({ ...stack.engine.env, COMPOSE_PROJECT_NAME: stack.project });
const canary = (...flags: readonly string[]): Promise<Ran> =>
  run("node", [CLI, "verify", "--canary", ...flags], { cwd: stack.directory, env: environment() });

/** Containers, volumes and networks of its canaries, and their files. */
async function left(): Promise<string[]> {
  const filter = ["--filter", `name=${stack.project}-canary`];
  const listed = await Promise.all([
    stack.engine.docker("ps", "--all", "--format", "{{.Names}}", ...filter),
    stack.engine.docker("volume", "ls", "--quiet", ...filter),
    stack.engine.docker("network", "ls", "--format", "{{.Name}}", ...filter),
  ]);
  return listed.flatMap((text) => text.split("\n")).filter((name) => name !== "");
}

const directories = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith("sidecrypt-canary-"));

test("a stack whose key nobody has here must be proved on canaries, and be gone, and be refused where the real one runs", async () => {
  await stack.define({ ...stack.definition, services: { ...stack.definition.services, restarting } });
  await rm(stack.bundle.keyFile);
  const { code, stdout, stderr } = await canary("--json");
  const report = JSON.parse(stdout) as VerifyReport;
  expect(stderr).toContain(`bringing up ${stack.project}-canary-`);
  expect([report.gaps, report.findings.filter(({ severity }) => severity === "misconfigured")]).toEqual([[], []]);
  expect([code, report.verdict]).toEqual([0, "clean"]);
  expect(report.project).toMatch(new RegExp(`^${stack.project}-canary-[0-9a-f]{8}$`));
  expect(report.looked.secrets).toBeGreaterThan(0);
  expect(await left()).toEqual([]);

  await stack.engine.docker(
    ...["run", "--detach", "--init", "--name", `${stack.project}-real`, "--entrypoint", "sleep"],
    ...["--label", `com.docker.compose.project=${stack.project}`, "sidecrypt-bot", "infinity"],
  );
  const refused = await canary();
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(`the project ${stack.project} runs on this engine`);
  expect(await left()).toEqual([]);
});

test("a service that prints its secret must be found out by its canary, and what is said holds none", async () => {
  await stack.define({
    ...stack.definition,
    services: { bot1: shell("BOT1_API_KEY", { ...inMemory, then: 'echo "logged in with $key"' }) },
  });
  const { code, stdout } = await canary();
  expect(code).toBe(1);
  expect(stdout).toContain("BOT1_API_KEY");
  expect(stdout).not.toMatch(/canary[0-9a-f]{32}/);
  expect(stdout).not.toContain(value);
  expect(await left()).toEqual([]);
});

/** Its exit status. */
async function endInTheMiddle(signal: NodeJS.Signals, hasBegun: () => Promise<boolean>): Promise<number | null> {
  const env = { ...process.env, ...environment() };
  const child = spawn("node", [CLI, "verify", "--canary"], { cwd: stack.directory, env, stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await waitUntil("the canary is on its way", hasBegun);
  child.kill(signal);
  return ended;
}

test("a signal in the middle must leave nothing behind", async () => {
  const before = await directories();
  expect(await endInTheMiddle("SIGTERM", async () => (await left()).length > 1)).toBe(130);
  expect(await left()).toEqual([]);
  expect(await directories()).toEqual(before);
});

test("one that was killed must be named by the next, with the command that takes it away", async () => {
  const before = await directories();
  const name = `${stack.project}-canary-`;
  const containers = (): Promise<string> => stack.engine.docker("ps", "--all", "--quiet", "--filter", `name=${name}`);
  await endInTheMiddle("SIGKILL", async () => (await containers()).trim().split("\n").length > 1);
  const { code, stderr } = await canary();
  expect(code).toBe(0);
  const [project] = new RegExp(`(?<=docker compose -p )${name}[0-9a-f]{8}`).exec(stderr) ?? [];
  expect(stderr).toContain(`docker compose -p ${project ?? "?"} down --volumes`);
  await stack.engine.docker("compose", "-p", project ?? "?", "down", "--volumes", "--timeout", "1");
  expect(await left()).toEqual([]);
  for (const one of (await directories()).filter((found) => !before.includes(found)))
    await rm(join(tmpdir(), one), { recursive: true });
});
