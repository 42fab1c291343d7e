/** `sidecrypt verify` on real stacks: what is clean, what has to be mended, what is declared, and what is not complete. */
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import { openEvidence } from "../../../src/docker/evidence.ts";
import { runVerify, VERDICT_EXIT, type VerifyReport } from "../../../src/verify/index.ts";
import { useStack } from "../harness/fixture.ts";
import type { Definition } from "../harness/model.ts";
import { composed } from "../harness/shell.ts";
import type { Stack } from "../harness/stack.ts";
import { randomValue } from "../harness/values.ts";

const KEY = randomValue();
const OTHER = randomValue();

/** A loop of the shell that keeps its key to itself; or one that has it in its environment, as some images need it. */
function reader(
  key: string,
  options: { labels?: Readonly<Record<string, string>>; exports?: boolean } = {},
): Definition {
  const loop = "while :; do sleep 1000 & wait $!; done";
  const script = options.exports === true ? `export ${key}=$(cat /run/secrets/${key}); exec sh -c '${loop}'` : loop;
  return {
    image: "sidecrypt-bot",
    entrypoint: ["sh", "-c", composed(script)],
    command: [],
    labels: { "sidecrypt.secrets": key, ...options.labels },
    healthcheck: { disable: true },
    drop: { gid: 1000 },
  };
}

const stackOf = useStack({
  secrets: { BOT1_API_KEY: KEY, BOT2_API_KEY: OTHER, PIN: "4711", MODE: "production" },
  services: {
    bot1: reader("BOT1_API_KEY", { labels: { "sidecrypt.env": "allowed" }, exports: true }),
    bot2: reader("BOT2_API_KEY"),
  },
});

async function verify(stack: Stack, ...flags: readonly string[]): Promise<VerifyReport> {
  const { code, stdout, stderr } = await stack.sidecrypt("verify", "--json", ...flags);
  if (!stdout.startsWith("{")) throw new Error(stderr);
  const report = JSON.parse(stdout) as VerifyReport;
  expect(code).toBe(VERDICT_EXIT[report.verdict]);
  for (const value of [KEY, OTHER]) expect(stdout + stderr).not.toContain(value);
  return report;
}

test("a stack in which every value is only where it belongs must be clean, with what was looked at and what was not", async () => {
  const report = await verify(stackOf());

  expect(report.findings.filter(({ severity }) => severity === "leak" || severity === "misconfigured")).toEqual([]);
  expect(report.gaps).toEqual([]);
  expect(report.selfTest?.missed).toEqual([]);
  expect(report.selfTest?.planted).toBeGreaterThan(10);
  expect(report.verdict).toBe("clean");
  expect(report.looked).toMatchObject({ secrets: 5, containers: 3 });
  expect(report.unchecked.map(({ name }) => name).toSorted()).toEqual(["MODE", "PIN"]);
  const declared = report.findings.filter(({ severity }) => severity === "declared");
  expect(declared.length).toBeGreaterThan(0);
  expect(new Set(declared.map(({ rule, secret }) => `${rule} ${secret ?? ""}`))).toEqual(
    new Set(["value-in-process-environment BOT1_API_KEY"]),
  );
});

test("a stranger on a drop, and one with the engine's socket, must be named as to be mended", async () => {
  const stack = stackOf();
  const name = `${stack.project}-stranger`;
  onTestFinished(async () => {
    await stack.engine.tryDocker("rm", "--force", name);
  });
  const mounts = [
    "--volume",
    `${stack.project}_bot1-secrets:/secrets`,
    "--volume",
    `${stack.engine.socket}:/docker.sock`,
  ];
  const labels = [
    "--label",
    `com.docker.compose.project=${stack.project}`,
    "--label",
    "com.docker.compose.oneoff=True",
  ];
  await stack.engine.docker("run", "--detach", "--name", name, ...labels, ...mounts, "sidecrypt-bot", "sleep", "1000");

  const { verdict, findings } = await verify(stack);
  expect(verdict).toBe("misconfigured");
  const mended = findings.filter(({ severity }) => severity === "misconfigured");
  expect(mended.map(({ rule, subject, place }) => [rule, subject, place])).toEqual(
    expect.arrayContaining([
      ["drop", `${stack.project}_bot1-secrets`, name],
      ["reach", name, ""],
    ]),
  );
});

test("a verify that sees no drops must call nothing clean", async () => {
  const stack = stackOf();
  const patience = { clock: systemClock, callTimeout: 60_000 };
  const docker = await connectEngine(stack.engine.socket, patience);
  const evidence = openEvidence(stack.engine.socket, docker.apiVersion, patience);
  const { verdict, gaps } = await runVerify(
    { docker, evidence, clock: systemClock },
    {
      version: "0.0.0",
      project: stack.project,
      needles: [{ name: "BOT1_API_KEY", value: Buffer.from(KEY) }],
      beside: null,
      image: "sidecrypt",
      keyFile: "/run/age.key",
      strict: false,
      watch: 0,
    },
  );
  expect([verdict, gaps.map(({ what }) => what)]).toEqual(["incomplete", ["drops"]]);
});

test("a value in a log must be a leak, told by name and line in every format", async () => {
  const stack = stackOf();
  await stack.exec("bot2", "sh", "-c", "base64 /run/secrets/BOT2_API_KEY > /proc/1/fd/1");

  const { verdict, findings } = await verify(stack);
  expect(verdict).toBe("leak");
  expect(findings.filter(({ severity }) => severity === "leak")).toMatchObject([
    { rule: "value-in-log", secret: "BOT2_API_KEY", place: "stdout line 1", form: "base64" },
  ]);
  const { code, stdout } = await stack.sidecrypt("verify", "--sarif");
  expect(code).toBe(1);
  expect(stdout).toContain('"ruleId": "value-in-log"');
  expect(stdout).not.toContain(OTHER);
});
