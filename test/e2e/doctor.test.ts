/** Doctor on a real engine: in a checkout before and after the first start, and in the sidecar's own container. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../src/compose-model/index.ts";
import { withStack } from "./harness/fixture.ts";
import { shell } from "./harness/shell.ts";
import { must, run } from "./harness/run.ts";
import { SIDECAR, type Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";

const ROOT = join(import.meta.dirname, "../..");
const CLI = join(ROOT, "dist/sidecrypt.mjs");

beforeAll(() => must("node", ["scripts/build.mjs"], { cwd: ROOT }));

const definition = { secrets: { BOT1_API_KEY: randomValue() }, services: { bot1: shell("BOT1_API_KEY") } };

/** As somebody runs it in a checkout; the key is not needed for it. */
async function doctor(stack: Stack): Promise<{ readonly code: number; readonly findings: Finding[] }> {
  const env = { ...stack.engine.env, COMPOSE_PROJECT_NAME: stack.project };
  const { code, stdout, stderr } = await run("node", [CLI, "doctor", "--json"], { cwd: stack.directory, env });
  if (!stdout.startsWith("{")) throw new Error(`doctor: exit status ${code}\n${stderr}`);
  return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
}

const seen = (findings: readonly Finding[]): string[] => findings.map(({ check, subject }) => `${check} ${subject}`);

test("a good stack has nothing to mend before its start and while it runs, and what is changed afterwards is found", async () => {
  await withStack(definition, async (stack) => {
    // The harness gives its key to everybody, as the sidecar may be anybody.
    await chmod(stack.bundle.keyFile, 0o400);
    const model = { ...definition, sidecar: { stop_grace_period: "1m" } };
    await stack.define(model);
    expect(seen((await doctor(stack)).findings)).toEqual([]);

    await stack.up();
    expect(await doctor(stack)).toEqual({ code: 0, findings: [] });
    const inside = await stack.sidecrypt("doctor");
    expect(inside.stderr).toBe("");
    expect(inside.stdout).toBe("nothing to mend\n");

    // What the sidecar cannot see: the file has other options than the volume was made with, and another group than reads.
    await stack.define({ ...model, services: { bot1: shell("BOT1_API_KEY", { drop: { gid: 999 } }) } });
    const changed = await doctor(stack);
    expect(changed.code).toBe(1);
    expect(seen(changed.findings)).toEqual(["volume-outdated bot1-secrets", "group-differs bot1"]);
  });
});

test("each trouble of a first start must be named, in the checkout and in the sidecar", async () => {
  const bot1 = shell("BOT1_API_KEY", {
    environment: { BOT1_API_KEY: randomValue() },
    health: "true",
    drop: { gid: 999 },
  });
  await withStack({ ...definition, services: { bot1 }, sidecar: { restart: "no" } }, async (stack) => {
    const socket = join(stack.directory, "docker.sock");
    await must("mkdir", [socket]);
    onTestFinished(() => must("rm", ["-rf", socket]).then(() => undefined));
    await chmod(stack.bundle.keyFile, 0o400);
    await stack.define({ ...definition, services: { bot1 }, sidecar: { restart: "no" }, socket });
    const { code, findings } = await doctor(stack);
    expect(code).toBe(1);
    expect(seen(findings)).toEqual([
      "value-in-environment bot1",
      `socket-directory ${socket}`,
      "group-differs bot1",
      "env-shadows-secret bot1",
      `restart-missing ${SIDECAR}`,
      "healthcheck-proves-nothing bot1",
    ]);
    expect(JSON.stringify(findings)).not.toContain(bot1.environment?.["BOT1_API_KEY" as never]);

    await stack.define({ ...definition, services: { bot1 }, sidecar: { restart: "no" } });
    await stack.compose("up", "--detach", "--no-deps", SIDECAR);
    await stack.compose("up", "--no-start", "bot1");
    const inside = await stack.sidecrypt("doctor", "--json");
    expect(inside.code).toBe(1);
    expect(seen((JSON.parse(inside.stdout) as { findings: Finding[] }).findings)).toEqual([
      "group-differs bot1",
      "env-shadows-secret bot1",
      `restart-missing ${SIDECAR}`,
      "healthcheck-proves-nothing bot1",
    ]);
  });
});
