/** What `npm run test:engines` walks. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { COMPARING, DEPENDING, wishOf } from "../scripts/engines/plan.ts";

const pairs = (...args: readonly string[]): string[] =>
  (wishOf(args, 2)?.runs ?? []).map(({ engine, compose, files }) => `${engine} ${compose} ${files.length}`);

test("without a word, every engine and every Compose has the whole suite once", () => {
  expect(pairs()).toEqual(expect.arrayContaining(["20.10 2.26 0", "26.1 2.40 0", "28.5 5.4 0"]));
});

test("without a word, one engine has the tests that depend on Compose with every Compose", () => {
  const n = COMPARING.length;
  expect(pairs()).toEqual(expect.arrayContaining([`20.10 2.40 ${n}`, `20.10 5.4 ${n}`]));
});

test("the tests that depend on engine or Compose are there", () => {
  expect(DEPENDING).toEqual(expect.arrayContaining(COMPARING));
  expect(DEPENDING.filter((file) => !existsSync(join(import.meta.dirname, "..", file)))).toEqual([]);
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

  it("has each engine once, with the Compose of its time and what depends on them, where it is to be brief", () => {
    const n = DEPENDING.length;
    expect(pairs("--brief")).toEqual([`20.10 2.26 ${n}`, `26.1 2.40 ${n}`, `28.5 5.4 ${n}`]);
  });

  it.each([["27.0"], ["compose-3"], ["redis"], ["--at-once=0"], ["--fast"]])("is refused where it says %s", (word) => {
    expect(wishOf([word], 2)).toBeNull();
  });
});
