/** The fuzzer's seconds: a fixed seed, the same inputs each time. Its minutes: `npm run fuzz`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { check, Finding, fuzz } from "./loop.ts";
import { Broken, type Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const SRC = join(import.meta.dirname, "../../src");
const SEED = 20261128;
/** Each does its own number of curve operations. */
const SLOW: Readonly<Record<string, number>> = {
  "open-dotenv": 60,
  "open-json": 60,
  "open-yaml": 60,
  yaml: 200,
  identities: 60,
  passphrase: 60,
  rules: 150,
  engine: 150,
  // A process for each.
  "render-shell": 60,
  printed: 150,
};
const INPUTS = 400;

test.each(TARGETS)("$name", { timeout: 60_000 }, async (target) => {
  const inputs = SLOW[target.name] ?? INPUTS;
  expect(await fuzz(target, { seed: SEED, inputs })).toBe(inputs);
});

test("what is wrong is found: a crash, a wrong answer, an input that takes too long", async () => {
  const broken = (run: Target["run"]): Target => ({ name: "broken", covers: [], seeds: ["abc"], words: [], run });
  const found = (run: Target["run"]) => check(broken(run), Buffer.from("abc")).catch((thrown: unknown) => thrown);
  expect(await found(() => JSON.parse("{"))).toBeInstanceOf(Finding);
  expect(await found(() => Promise.reject(new Broken("wrong")))).toMatchObject({ message: /broken: wrong; .*YWJj$/ });
  expect(await found(() => new Promise((resolve) => setTimeout(resolve, 2_100)))).toMatchObject({ message: /took 2/ });
  expect(await found(() => 1)).toBeUndefined();
});

/** Exported functions of these names read what somebody else wrote; the few that do not, with the reason. */
const PARSER = /^export (?:async )?(?:function\*? |const )((?:parse|read|decode|sniff|split)\w*)/gm;
const NO_PARSER: Readonly<Record<string, string>> = {
  "bundle/document.ts#decodeUtf8": "Node's own decoder, and its refusal",
  "docker/inspect.ts#parse": "what the others there go through",
  "keys.ts#readKeyTexts": "files; parseIdentities and the search read them",
  "plan/stack.ts#readStack": "what was parsed already",
  "roll/layer.ts#readLayer": "asks the engine; readFileFromTar and parseStat read",
  "roll/networks.ts#splitSysctls": "what was parsed already",
  "roll/swap.ts#readOld": "as readLayer",
  "scan/files.ts#readIgnoreFile": "a file; parseIgnoreFile reads it",
  "scan/git-objects.ts#readObjects": "what git itself prints",
};

/** Where files that somebody else wrote are read. */
const LISTED = /^(?:(?:bundle|control|docker|plan|render|roll|rules|scan|trust)\/)?[\w-]+\.ts$/;

test("every parser has a target, or a reason", () => {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((path) => LISTED.test(path));
  const parsers = files.flatMap((path) =>
    [...readFileSync(join(SRC, path), "utf8").matchAll(PARSER)].map(([, name]) => `${path}#${name}`),
  );
  const covered = new Set([...TARGETS.flatMap(({ covers }) => covers), ...Object.keys(NO_PARSER)]);
  expect(parsers.length).toBeGreaterThan(25);
  expect(parsers.filter((parser) => !covered.has(parser))).toEqual([]);
  expect([...covered].filter((parser) => !parsers.includes(parser))).toEqual([]);
});
