/**
 * Random sequences of every operation on random bundles, by the real sops on its copy and by us on ours. SIDECRYPT_SEED=…
 * repeats a run, SIDECRYPT_ROUNDS=… makes it that many times longer.
 */
import { writeSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BytesMirror } from "./bytes-mirror.ts";
import { KINDS, Mirror, type Kind } from "./mirrors.ts";
import { findSops } from "./sops.ts";
import { delivered, KEY, leavesOf, NAME, TEXT, treeOf, type Tree } from "./trees.ts";
import { Workbench } from "./workbench.ts";

const binary = findSops();
const seed = Number(process.env["SIDECRYPT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = Number(process.env["SIDECRYPT_ROUNDS"] ?? 1);
const SEQUENCES = 3 * rounds;
const OPERATIONS = 14;
const VALUES = { minKeys: 32, maxKeys: 44 };
const ENOUGH_TIME = 300_000 * rounds;
const ENOUGH_CASES = 4_000;
const MISSING = "the mirror of the operations did not run: no sops";
if (binary === null && process.env["CI"] === "true") test("there is a real sops in CI", () => expect.fail(MISSING));
else if (binary === null) writeSync(2, `${MISSING}\n`);

/** What `set` puts into a dotenv file: no backslash-n, no quotes around it, no carriage return at its end. */
const LINE = TEXT.filter((text) => !text.includes("\\n") && !/^["']|\r$/.test(text));
const flat = (size: { minKeys: number; maxKeys: number }): fc.Arbitrary<Tree> =>
  fc.dictionary(NAME, fc.oneof({ weight: 9, arbitrary: LINE }, fc.constant("")), size);
/** Integers beyond 2^53 are left out: sops 3.13.1 rounds those that it encrypts from JSON. */
const NUMBER = fc
  .double({ min: -1e6, max: 1e6, noNaN: true })
  .filter((number) => !String(number).includes("e") && !Object.is(number, -0));
const numbers = fc.dictionary(KEY, NUMBER, { maxKeys: 4 });
const nested = (size: { minKeys: number; maxKeys: number }): fc.Arbitrary<Tree> =>
  fc.tuple(treeOf(size), numbers).map(([tree, more]) => ({ ...tree, ...more }));

type Operation =
  | { readonly kind: "set"; readonly at: number; readonly value: string }
  | { readonly kind: "add"; readonly name: string; readonly value: string }
  | { readonly kind: "unset"; readonly at: number }
  | {
      readonly kind: "edit";
      readonly fresh: Tree;
      readonly drop: number;
      readonly turn: boolean;
      readonly flow: boolean;
    }
  | { readonly kind: "rotate" | "share"; readonly friends: readonly boolean[] };

function operationsOn(kind: Kind): fc.Arbitrary<readonly Operation[]> {
  const isFlat = kind === "dotenv" || kind === "binary";
  const value = isFlat ? LINE : TEXT;
  const few = { minKeys: 1, maxKeys: 4 };
  const friends = fc.tuple(fc.boolean(), fc.boolean());
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), at: fc.nat(), value }),
    fc.record({ kind: fc.constant("add" as const), name: isFlat ? NAME : KEY, value }),
    fc.record({ kind: fc.constant("unset" as const), at: fc.nat() }),
    fc.record({
      kind: fc.constant("edit" as const),
      fresh: isFlat ? flat(few) : nested(few),
      drop: fc.integer({ min: 2, max: 40 }),
      turn: fc.boolean(),
      flow: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom("rotate" as const, "share" as const), friends }),
  );
  return fc.array(operation, { minLength: OPERATIONS, maxLength: OPERATIONS });
}

async function apply(mirror: Mirror, operation: Operation): Promise<void> {
  const leaves = leavesOf(mirror.tree);
  switch (operation.kind) {
    case "set":
      return mirror.set(leaves[operation.at % leaves.length]!.name, operation.value);
    case "add":
      return mirror.set(operation.name, operation.value);
    case "unset":
      return mirror.unset(leaves[operation.at % leaves.length]!.name);
    case "edit":
      return mirror.edit(edited(mirror.tree, operation), operation.flow);
    case "rotate":
      return mirror.rotate(operation.friends);
    case "share":
      return mirror.share(operation.friends);
  }
}

/** Some entries gone, some new or changed in their place, perhaps all in another order; never two paths to one name. */
function edited(tree: Tree, { fresh, drop, turn }: Extract<Operation, { kind: "edit" }>): Tree {
  let next: Tree = Object.fromEntries(Object.entries(tree).filter((_, at) => at % drop !== 1));
  for (const [key, value] of Object.entries(fresh)) {
    const more: Tree = { ...next, [key]: value };
    if (delivered(more) !== null) next = more;
  }
  return turn ? Object.fromEntries(Object.entries(next).reverse()) : next;
}

describe.skipIf(binary === null)(`with the real sops, seed ${seed}`, () => {
  let bench: Workbench;
  let compared = 0;
  beforeAll(async () => {
    bench = await Workbench.open(binary ?? "");
  });
  afterAll(() => {
    bench.close();
    writeSync(2, `the mirror of the operations: ${compared} values compared, seed ${seed}\n`);
  });

  test.each(KINDS)("%s: whatever the one changes, the other reads", { timeout: ENOUGH_TIME }, async (kind) => {
    const start = (kind === "dotenv" || kind === "binary" ? flat(VALUES) : nested(VALUES)).filter(
      (tree) => delivered(tree) !== null,
    );
    await fc.assert(
      fc.asyncProperty(start, operationsOn(kind), fc.infiniteStream(fc.boolean()), async (tree, operations, swaps) => {
        const mirror = await Mirror.create(bench, kind, tree);
        for (const operation of operations) {
          await apply(mirror, operation);
          if (swaps.next().value) mirror.swap();
        }
        await mirror.comparePlain();
        compared += mirror.compared;
      }),
      // Every attempt to make a failing sequence smaller would be some forty processes.
      { seed, numRuns: SEQUENCES, endOnFailure: true },
    );
  });

  test("binary: any bytes, which are no dotenv file", { timeout: ENOUGH_TIME }, async () => {
    // A line without "=" makes it no dotenv file, and 0xff no text.
    const end = fc.constantFrom("\nend", "\n\xff").map((text) => Buffer.from(text, "latin1"));
    const bytes = fc.tuple(fc.uint8Array({ maxLength: 200 }), end).map((parts) => Buffer.concat(parts));
    await fc.assert(
      fc.asyncProperty(bytes, bytes, async (one, other) => {
        const mirror = await BytesMirror.create(bench, one);
        await mirror.edit(Buffer.concat([other, one]));
        mirror.swap();
        await mirror.rotate(Buffer.concat([other, one]));
        compared += mirror.compared;
      }),
      { seed, numRuns: SEQUENCES, endOnFailure: true },
    );
  });

  test("that were thousands of values", () => {
    expect(compared).toBeGreaterThanOrEqual(ENOUGH_CASES * rounds);
  });
});
