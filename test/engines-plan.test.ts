/** What `npm run test:engines` walks. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { COMPARING, wishOf } from "../scripts/engines/plan.ts";

const pairs = (...args: readonly string[]): string[] =>
  (wishOf(args, 2)?.runs ?? []).map(({ engine, compose, files }) => `${engine} ${compose} ${files.length}`);

test("without a word, every engine and every Compose has the whole suite once", () => {
  expect(pairs()).toEqual(expect.arrayContaining(["20.10 2.26 0", "26.1 2.40 0", "28.5 5.4 0"]));
});

test("without a word, one engine has the tests that depend on Compose with every Compose", () => {
  const n = COMPARING.length;
  expect(pairs()).toEqual(expect.arrayContaining([`20.10 2.40 ${n}`, `20.10 5.4 ${n}`]));
});

test("the tests that depend on Compose are there", () => {
  expect(COMPARING.filter((file) => !existsSync(join(import.meta.dirname, "..", file)))).toEqual([]);
});

describe("a wish", () => {
  it("chooses engines by their beginning, of whole numbers", () => {
    expect(pairs("26", "test/e2e/redis.test.ts")).toEqual(["26.1 2.40 1"]);
    expect(wishOf(["2"], 2)).toBeNull();
  });

  it("pairs a Compose that is named with every engine that is", () => {
    expect(pairs("compose-5.4", "28.5", "20.10")).toEqual(["20.10 5.4 0", "28.5 5.4 0"]);
  });

  it("takes the number of engines beside each other, and what npm test has run", () => {
    expect(wishOf(["--at-once=1", "--after-test"], 2)).toMatchObject({ atOnce: 1, afterTest: true });
    expect(wishOf([], 2)).toMatchObject({ atOnce: 2, afterTest: false });
  });

  it("has each engine once, with the Compose of its time, where it says so", () => {
    expect(pairs("--pairs-only")).toEqual(["20.10 2.26 0", "26.1 2.40 0", "28.5 5.4 0"]);
  });

  it("leaves out the walks where it says so, and only there", () => {
    expect(wishOf(["28", "--without-walks"], 2)?.runs).toEqual([
      { engine: "28.5", compose: "5.4", files: [], withoutWalks: true },
      { engine: "28.5", compose: "2.26", files: [...COMPARING], withoutWalks: true },
    ]);
    expect(wishOf(["28"], 2)?.runs.map((run) => run.withoutWalks)).toEqual([undefined, undefined]);
  });

  it.each([["27.0"], ["compose-3"], ["redis"], ["--at-once=0"], ["--fast"]])("is refused where it says %s", (word) => {
    expect(wishOf([word], 2)).toBeNull();
  });
});
