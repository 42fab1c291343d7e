/** What a healthcheck says after a moment: what it said before proves nothing. */
import { expect, test } from "vitest";
import { statusSince } from "../../src/docker/health.ts";

const SINCE = 1_000;
const check = (startedAt: number, exitCode: number) => ({ startedAt, exitCode });
const health = (checks: readonly { startedAt: number; exitCode: number }[]) =>
  ({ status: "healthy", failingStreak: 0, checks }) as const;

test.each([
  ["none began since", [check(999, 0), check(1_000, 0)], "starting"],
  ["the last one passed", [check(1_001, 1), check(1_002, 0)], "healthy"],
  ["one failed, of three that may", [check(999, 1), check(1_001, 1)], "starting"],
  ["three failed in a row", [check(1_001, 1), check(1_002, 1), check(1_003, 1)], "unhealthy"],
  ["one passed between", [check(1_001, 1), check(1_002, 0), check(1_003, 1), check(1_004, 1)], "starting"],
] as const)("%s", (_, checks, status) => {
  expect(statusSince(health(checks), SINCE, null)).toBe(status);
});

test("the container's own number of retries counts, as far as Docker keeps results", () => {
  const failed = (count: number) => Array.from({ length: count }, (_, n) => check(SINCE + 1 + n, 1));
  expect(statusSince(health(failed(1)), SINCE, { Retries: 1 })).toBe("unhealthy");
  expect(statusSince(health(failed(4)), SINCE, { Retries: 10 })).toBe("starting");
  expect(statusSince(health(failed(5)), SINCE, { Retries: 10 })).toBe("unhealthy");
});
