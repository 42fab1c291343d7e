import { expect, test } from "vitest";
import { declaredIn } from "../../src/verify/declared.ts";
import { container } from "./world.ts";

const asking = container("bot1", { Config: { Labels: { "sidecrypt.secrets": "A", "sidecrypt.env": "allowed" } } });

function names(...needles: readonly (readonly [name: string, value: string])[]): string[] {
  const made = needles.map(([name, value]) => ({ name, value: Buffer.from(value) }));
  return [...(declaredIn([asking, container("bot2")], made).get("id-bot1")?.secrets ?? [])].toSorted();
}

test("what a consumer asks for is declared, and so is another name of the same value", () => {
  expect(names(["A", "one"], ["B", "one"], ["C", "two"])).toEqual(["A", "B"]);
});

test("a name that has another value besides is somebody else's", () => {
  expect(names(["A", "one"], ["B", "one"], ["B", "two"])).toEqual(["A"]);
  expect(names(["A", "one"], ["A", "two"], ["B", "two"])).toEqual(["A", "B"]);
});

test("who declares nothing has nothing declared", () => {
  expect(declaredIn([container("bot2")], []).size).toBe(0);
});
