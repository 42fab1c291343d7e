/** `sidecrypt verify` on real stacks: what is clean, what has to be mended, what is declared, and what is not complete. */
import { expect, test } from "vitest";
import { VERDICT_EXIT, type VerifyReport } from "../../../src/verify/index.ts";
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
