import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { Names } from "../../src/plan/names.ts";
import { fileNameOf, isFileName, parsePatterns, selectNames, selects } from "../../src/plan/select.ts";

const names = ["BOT1_KEY", "BOT1_SECRET", "BOT2_KEY", "REDIS_PASSWORD", "A.B", "AxB"];

function select(label: string) {
  const patterns = parsePatterns(label);
  if (typeof patterns === "string") throw new Error(patterns);
  return selectNames(patterns, new Names(names));
}

describe("names and globs", () => {
  it.each([
    ["BOT1_KEY", ["BOT1_KEY"]],
    ["BOT1_*", ["BOT1_KEY", "BOT1_SECRET"]],
    ["BOT1_KEY,REDIS_PASSWORD", ["BOT1_KEY", "REDIS_PASSWORD"]],
    [" BOT1_KEY ,\n REDIS_PASSWORD ", ["BOT1_KEY", "REDIS_PASSWORD"]],
    ["*_KEY", ["BOT1_KEY", "BOT2_KEY"]],
    ["* !BOT*", ["REDIS_PASSWORD", "A.B", "AxB"]],
    ["!BOT1_SECRET BOT1_*", ["BOT1_KEY"]],
    ["BOT1_KEY BOT1_KEY BOT1_*", ["BOT1_KEY", "BOT1_SECRET"]],
    ["BOT1_KEY !NOT_THERE", ["BOT1_KEY"]],
    ["A.B", ["A.B"]],
    ["NOT_THERE?", []],
    ["NOT_*? BOT2_KEY", ["BOT2_KEY"]],
    ["BOT1_KEY !BOT1_KEY", []],
  ])("%j selects %j", (label, selected) => {
    expect(select(label)).toEqual({ names: selected, missing: [] });
  });

  it.each([
    ["BOT1_KEYY", ["BOT1_KEYY"]],
    ["BOT9_* BOT1_KEY NONE", ["BOT9_*", "NONE"]],
    ["bot1_key", ["bot1_key"]],
  ])("%j misses %j", (label, missing) => {
    expect(select(label).missing).toEqual(missing);
  });

  it.each([
    ["", "it asks for nothing"],
    [" , ", "it asks for nothing"],
    ["!BOT1_KEY", "it asks for nothing"],
    ["BOT1_KEY=hunter2", "word 1 is not a name or a glob (letters, digits, _ . - and *)"],
    ["BOT1_KEY !X?", "word 2 is not a name or a glob (letters, digits, _ . - and *)"],
    ["BOT1_KEY ?", "word 2 is not a name or a glob (letters, digits, _ . - and *)"],
    ["B?T1", "word 1 is not a name or a glob (letters, digits, _ . - and *)"],
    ["!!A", "word 1 is not a name or a glob (letters, digits, _ . - and *)"],
  ])("%j is refused without being repeated", (label, complaint) => {
    expect(parsePatterns(label)).toBe(complaint);
  });

  it.each(["*".repeat(200) + "x", "*y".repeat(20) + "*x"])("takes no time over %s, made to backtrack", (label) => {
    const patterns = parsePatterns(label);
    expect(typeof patterns === "string" ? null : selectNames(patterns, new Names(["y".repeat(5000)])).names).toEqual(
      [],
    );
  });

  it.each([
    ["A*A", ["AA", "ABA"], ["A", "AB"]],
    ["A*B*B", ["ABB", "AxBxB"], ["AB", "ABx"]],
    ["*", ["", "A"], []],
    ["**.*", [".", "A.B"], ["AB"]],
    ["A*AB*B", ["AABB"], ["AABx", "AAB"]],
  ])("%j fits %j and not %j", (glob, fitting, others) => {
    const patterns = parsePatterns(glob);
    if (typeof patterns === "string") throw new Error(patterns);
    expect([...fitting, ...others].filter((name) => selects(patterns, name))).toEqual(fitting);
  });
});

test("names found by how they begin are those that each pattern finds one by one", () => {
  const word = fc.string({ unit: fc.constantFrom("A", "B", "_", "1"), minLength: 1, maxLength: 4 });
  const glob = fc.string({ unit: fc.constantFrom("A", "B", "_", "1", "*", "*"), minLength: 1, maxLength: 5 });
  const asked = fc.array(fc.tuple(fc.constantFrom("", "", "!"), glob), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(asked, fc.uniqueArray(word, { maxLength: 30 }), (words, all) => {
      const patterns = parsePatterns(words.map(([bang, text]) => bang + text).join(" "));
      if (typeof patterns === "string") return;
      const { names, missing } = selectNames(patterns, new Names(all));
      expect(names).toEqual(all.filter((name) => selects(patterns, name)));
      const idle = patterns.filter((one) => !one.exclude && !all.some((name) => selects([one], name)));
      expect(missing).toEqual(idle.map(({ text }) => text));
    }),
    { numRuns: 2_000 },
  );
});

describe("file names", () => {
  it.each([
    ["BOT1_KEY", "BOT1_", "KEY"],
    ["REDIS_PASSWORD", "BOT1_", "REDIS_PASSWORD"],
    ["BOT1_", "BOT1_", "BOT1_"],
    ["BOT1_KEY", "", "BOT1_KEY"],
  ])("%s without %j is %s", (name, prefix, file) => {
    expect(fileNameOf(name, prefix)).toBe(file);
  });

  it.each([
    ["KEY", true],
    [".env", true],
    ["a..b", true],
    ["", false],
    [".", false],
    ["..", false],
    ["..data", false],
    ["a/b", false],
    ["a\0b", false],
    ["x".repeat(255), true],
    ["x".repeat(256), false],
  ])("%j can be one: %s", (name, can) => {
    expect(isFileName(name)).toBe(can);
  });
});
