import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HELP } from "../../src/cli/help.ts";
import { EXIT_STATUS } from "../../src/errors.ts";
import { createSearcher } from "../../src/search/index.ts";
import { toGithub } from "../../src/verify/github.ts";
import { hider } from "../../src/verify/hide.ts";
import { toSarif } from "../../src/verify/sarif.ts";
import { printReport } from "../../src/verify/text.ts";
import { type Finding, verdictOf, VERDICT_EXIT, type VerifyReport } from "../../src/verify/types.ts";

const leak: Finding = {
  rule: "value-in-log",
  severity: "leak",
  subject: "stack-bot1-1",
  secret: "BOT1_KEY",
  place: "stdout line 12",
  form: "base64",
  message: "BOT1_KEY stands in the log",
  hint: "mend what prints it: 100%, at once",
};
const warning: Finding = { ...leak, rule: "engine", severity: "warning", secret: null, form: null, hint: undefined };
const gap = { subject: "stack-bot2-1", what: "log", why: "the engine refused it" };
const tested = { planted: 15, missed: [], gaps: [] };

const report: VerifyReport = {
  version: "1.2.3",
  project: "stack",
  at: "2026-11-22T12:00:00.000Z",
  verdict: "leak",
  findings: [leak, warning],
  gaps: [gap],
  limits: [],
  unchecked: [{ name: "PIN", why: "too short" }],
  weak: [],
  selfTest: tested,
  looked: {
    secrets: 2,
    containers: 3,
    images: 1,
    volumes: 2,
    networks: 1,
    events: 9,
    processes: 4,
    files: 0,
    logBytes: 5_000,
  },
};

describe("the verdict", () => {
  test("is clean only when everything was looked at and the self-test found all", () => {
    expect(verdictOf([], [], tested)).toBe("clean");
    expect(verdictOf([warning, { ...leak, severity: "declared" }], [], tested)).toBe("clean");
    expect(verdictOf([], [gap], tested)).toBe("incomplete");
    expect(verdictOf([], [], null)).toBe("incomplete");
    expect(verdictOf([], [], { planted: 15, missed: ["stdout"], gaps: [] })).toBe("incomplete");
  });

  test("is the worst of what was found, and the exit status says which", () => {
    const misconfigured: Finding = { ...warning, severity: "misconfigured" };
    expect(verdictOf([misconfigured, leak], [gap], tested)).toBe("leak");
    expect(verdictOf([misconfigured], [gap], tested)).toBe("misconfigured");
    expect(VERDICT_EXIT).toEqual({ clean: 0, leak: 1, misconfigured: 2, incomplete: 3 });
  });
});

test("the README and the help give the exit statuses that there are", () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const [, table = ""] = readme.split("meaning of `verify`'s exit status");
  const written = [...(table.split("\n\n")[0] ?? "").matchAll(/^\| `(\d+)`/gm)].map(([, status]) => Number(status));
  expect(written).toEqual([...Object.values(VERDICT_EXIT), EXIT_STATUS["docker-unreachable"]]);
  for (const status of Object.values(VERDICT_EXIT)) expect(HELP.verify).toMatch(new RegExp(`[ \n]${status} \\w`));
});

test("the text names what was found, what was not looked at, and what is not searched for", () => {
  const text = printReport(report);
  expect(text).toContain("stack-bot1-1: stdout line 12: BOT1_KEY stands in the log (base64) [value-in-log]");
  expect(text).toContain("stack-bot2-1: log: the engine refused it");
  expect(text).toContain("PIN: too short");
  expect(text).toContain("self-test: 15 of 15 planted leaks found");
  expect(printReport({ ...report, selfTest: null })).toContain("self-test: not done");
});

test("annotations of GitHub are one line each, with what a line would end escaped", () => {
  const lines = toGithub(report).split("\n");
  expect(lines[0]).toBe(
    "::error title=value-in-log::stack-bot1-1: stdout line 12: BOT1_KEY stands in the log%0Ahint: mend what prints it: 100%25, at once",
  );
  expect(lines.every((line) => /^::(?:error|warning|notice) title=[^:,]*::/.test(line))).toBe(true);
  expect(lines.at(-1)).toBe("::error title=sidecrypt verify::stack: leak");
});

test("SARIF names every rule that it uses, and tells one alert from another by names and places", () => {
  const sarif = toSarif(report) as {
    runs: {
      tool: { driver: { rules: { id: string }[] } };
      results: { ruleId: string; level: string; partialFingerprints: Record<string, string> }[];
      invocations: { toolExecutionNotifications: unknown[] }[];
    }[];
  };
  const [run] = sarif.runs;
  const ids = run?.tool.driver.rules.map(({ id }) => id) ?? [];
  expect(run?.results.map(({ level }) => level)).toEqual(["error", "warning"]);
  expect(run?.results.every(({ ruleId }) => ids.includes(ruleId))).toBe(true);
  expect(run?.invocations[0]?.toolExecutionNotifications).toHaveLength(1);
  const prints = run?.results.map(({ partialFingerprints }) => partialFingerprints["place/v1"]);
  expect(new Set(prints).size).toBe(2);
});

test("a place that is named after a value is told without it", () => {
  const value = "x7Kq2mVb9PzLw4Rt8Yd1";
  const hide = hider(createSearcher([{ name: "KEY", value: Buffer.from(value) }]));
  const base64 = Buffer.from(value).toString("base64");
  const hidden = hide([
    { ...leak, place: `Config.Labels["${value}"]` },
    { ...leak, place: `/tmp/${base64}`, subject: value },
    leak,
  ]);
  expect(hidden.map(({ place }) => place)).toEqual(["Config.Labels[a key]", "(hidden: it holds a value)", leak.place]);
  expect(JSON.stringify(hidden)).not.toMatch(new RegExp(`${value}|${base64}`));
});
