/**
 * The mirror of the operations on files that leave a part in plaintext, and on files for post-quantum keys: by the real
 * sops on its copy and by us on ours. SIDECRYPT_SEED=… repeats a run, SIDECRYPT_ROUNDS=… makes it that many times longer.
 */
import { writeSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  editPlain,
  rewrap,
  setSecret,
  unsetSecret,
  withRecipients,
  type EncryptOptions,
} from "../../src/bundle/index.ts";
import { KINDS, MARK, Mirror } from "./mirrors.ts";
import { apply, contentOf, operationsOn, type Operation } from "./operations.ts";
import { findSops } from "./sops.ts";
import { codeOf, LATER, openText, STRICT, type KeyKind } from "./support.ts";
import { delivered, isList, leavesOf, type Node, type Tree, type TreeLeaf } from "./trees.ts";
import { Workbench } from "./workbench.ts";

const binary = findSops();
const seed = Number(process.env["SIDECRYPT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = Number(process.env["SIDECRYPT_ROUNDS"] ?? 1);
const OPERATIONS = 7;
const VALUES = { minKeys: 6, maxKeys: 12 };
const ENOUGH_TIME = 300_000 * rounds;
const MISSING = "the mirror of rules and of post-quantum keys did not run: no sops";
if (binary === null && process.env["CI"] === "true") test("there is a real sops in CI", () => expect.fail(MISSING));
else if (binary === null) writeSync(2, `${MISSING}\n`);

const RULES: readonly NonNullable<EncryptOptions["rule"]>[] = [
  { field: "unencrypted_suffix", text: MARK },
  { field: "encrypted_suffix", text: MARK },
  { field: "unencrypted_regex", text: `${MARK}$` },
  { field: "encrypted_regex", text: `(?i)^.*${MARK.toUpperCase()}$` },
];
/** A binary file is one value, which no rule leaves in plaintext. */
const RULED = ["dotenv", "json", "yaml"] as const;

/** A third of the keys at every depth gets the mark. */
function marked(tree: Tree): Tree {
  const inner = (node: Node): Node => (typeof node === "object" && !isList(node) ? marked(node) : node);
  return Object.fromEntries(
    Object.entries(tree).map(([key, value], at) => [at % 3 === 0 ? key + MARK : key, inner(value)]),
  );
}

/** What is new is put where the rule encrypts it; a value that is added, only half of the times. */
function secretly(operation: Operation, isListed: boolean): Operation {
  const name = (key: string): string => (isListed ? key + MARK : key);
  if (operation.kind === "add" && operation.value.length % 2 === 0) return { ...operation, name: name(operation.name) };
  if (operation.kind !== "edit") return operation;
  const fresh = Object.entries(operation.fresh).map(([key, value]) => [name(key), value] as const);
  return { ...operation, fresh: Object.fromEntries(fresh) };
}

/** In plaintext sops writes a block, in which U+2028 breaks the line: no YAML 1.2. */
const isReadableYaml = ({ value }: TreeLeaf): boolean => !["\n", "\u2028"].every((one) => String(value).includes(one));

describe.skipIf(binary === null)(`with the real sops, seed ${seed}`, () => {
  const benches = new Map<KeyKind, Workbench>();
  let compared = 0;
  beforeAll(async () => {
    for (const kind of ["x25519", "hybrid"] as const) benches.set(kind, await Workbench.open(binary ?? "", kind));
  });
  afterAll(() => {
    for (const bench of benches.values()) bench.close();
    writeSync(2, `the mirror of rules and of post-quantum keys: ${compared} values compared, seed ${seed}\n`);
  });

  async function go(
    mirror: Mirror,
    operations: readonly Operation[],
    swaps: Iterator<boolean, unknown>,
  ): Promise<void> {
    for (const operation of operations) {
      await apply(mirror, operation);
      if (swaps.next().value === true) mirror.swap();
    }
    await mirror.comparePlain();
    compared += mirror.compared;
  }

  const cases = RULED.flatMap((kind) => RULES.map((rule) => ({ kind, rule, field: rule.field })));
  test.each(cases)(
    "$kind, $field: whatever the one changes, the other reads",
    { timeout: ENOUGH_TIME },
    async (one) => {
      const { kind, rule, field } = one;
      const start = contentOf(kind, VALUES)
        .map(marked)
        .filter((tree) => delivered(tree) !== null && (kind !== "yaml" || leavesOf(tree).every(isReadableYaml)));
      const isListed = field.startsWith("encrypted");
      await fc.assert(
        fc.asyncProperty(start, operationsOn(kind, OPERATIONS), fc.infiniteStream(fc.boolean()), async (...parts) => {
          const [tree, operations, swaps] = parts;
          const mirror = await Mirror.create(benches.get("x25519")!, kind, tree, rule);
          await go(
            mirror,
            operations.map((operation) => secretly(operation, isListed)),
            swaps,
          );
        }),
        { seed, numRuns: rounds, endOnFailure: true },
      );
    },
  );

  test.each(KINDS)(
    "%s, post-quantum: whatever the one changes, the other reads",
    { timeout: ENOUGH_TIME },
    async (kind) => {
      const swapping = fc.infiniteStream(fc.boolean());
      await fc.assert(
        fc.asyncProperty(
          contentOf(kind, VALUES),
          operationsOn(kind, OPERATIONS),
          swapping,
          async (tree, operations, swaps) => {
            await go(await Mirror.create(benches.get("hybrid")!, kind, tree), operations, swaps);
          },
        ),
        { seed, numRuns: rounds, endOnFailure: true },
      );
    },
  );

  test.each(["mac_only_encrypted: true", "encrypted_comment_regex: secret", "unencrypted_comment_regex: public"])(
    "what sops writes under %s is neither opened nor changed",
    { timeout: ENOUGH_TIME },
    async (rule) => {
      const { keys, sops } = benches.get("x25519")!;
      const [{ identities, recipient }, value] = [keys, Buffer.from("x")];
      sops.writeConfig(`creation_rules:\n  - age: ${recipient}\n    ${rule}\n`);
      for (const [kind, plain] of [
        ["dotenv", "# secret\nA=one\nB=two\n"],
        ["yaml", "# secret\nA: one\nB: two\n"],
        ["json", '{"A": "one", "B": "two"}'],
      ] as const) {
        const types = ["--input-type", kind, "--output-type", kind];
        const file = (await sops.on(plain, "encrypt", ...types, "FILE")).stdout;
        expect(file.toString()).toContain(rule.split(":")[0]);
        for (const refused of [
          openText(file, keys),
          setSecret(file, identities, "A", value, LATER, STRICT),
          unsetSecret(file, identities, "A", LATER, STRICT),
          editPlain(file, identities, Buffer.from(plain.replace("one", "three")), LATER, STRICT),
          rewrap(file, identities, [recipient], LATER),
          withRecipients(file, identities, [recipient]),
        ]) {
          expect(await codeOf(refused)).toBe("bundle-unsupported");
        }
      }
    },
  );

  test("that were hundreds of values", () => {
    expect(compared).toBeGreaterThanOrEqual(800 * rounds);
  });
});
