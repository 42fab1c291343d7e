/**
 * Random sequences of every operation on random bundles, by the real sops on its copy and by us on ours. SIDECRYPT_SEED=…
 * repeats a run, SIDECRYPT_ROUNDS=… makes it that many times longer.
 */
import { writeSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BytesMirror } from "./bytes-mirror.ts";
import { KINDS, Mirror } from "./mirrors.ts";
import { apply, contentOf, operationsOn } from "./operations.ts";
import { findSops } from "./sops.ts";
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
    await fc.assert(
      fc.asyncProperty(
        contentOf(kind, VALUES),
        operationsOn(kind, OPERATIONS),
        fc.infiniteStream(fc.boolean()),
        async (tree, operations, swaps) => {
          const mirror = await Mirror.create(bench, kind, tree);
          for (const operation of operations) {
            await apply(mirror, operation);
            if (swaps.next().value) mirror.swap();
          }
          await mirror.comparePlain();
          compared += mirror.compared;
        },
      ),
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
