/** What a mirror goes through: random content, and random operations on it. */
import fc from "fast-check";
import type { Kind, Mirror } from "./mirrors.ts";
import { delivered, KEY, leavesOf, NAME, TEXT, treeOf, type Tree } from "./trees.ts";

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

export type Operation =
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

const isFlat = (kind: Kind): boolean => kind === "dotenv" || kind === "binary";

/** Content that can be delivered: no two paths make one name. */
export function contentOf(kind: Kind, size: { minKeys: number; maxKeys: number }): fc.Arbitrary<Tree> {
  return (isFlat(kind) ? flat(size) : nested(size)).filter((tree) => delivered(tree) !== null);
}

export function operationsOn(kind: Kind, count: number): fc.Arbitrary<readonly Operation[]> {
  const value = isFlat(kind) ? LINE : TEXT;
  const few = { minKeys: 1, maxKeys: 4 };
  const friends = fc.tuple(fc.boolean(), fc.boolean());
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), at: fc.nat(), value }),
    fc.record({ kind: fc.constant("add" as const), name: isFlat(kind) ? NAME : KEY, value }),
    fc.record({ kind: fc.constant("unset" as const), at: fc.nat() }),
    fc.record({
      kind: fc.constant("edit" as const),
      fresh: isFlat(kind) ? flat(few) : nested(few),
      drop: fc.integer({ min: 2, max: 40 }),
      turn: fc.boolean(),
      flow: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom("rotate" as const, "share" as const), friends }),
  );
  return fc.array(operation, { minLength: count, maxLength: count });
}

export async function apply(mirror: Mirror, operation: Operation): Promise<void> {
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
