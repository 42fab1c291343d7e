/** The way back while a command needs both generations: `..previous` is the one that failed, until the commit. */
import { existsSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commit, deliver, flipBack, readDrop } from "../../src/deliver/index.ts";
import type { Drop } from "../../src/deliver/index.ts";
import { generation, NEW, NEWER, OLD, shmDrop, visible } from "./drops.ts";

async function rolling(): Promise<Drop> {
  const drop = shmDrop();
  await deliver(drop, generation(OLD, { KEY: "old" }), []);
  await deliver(drop, generation(NEW, { KEY: "new" }), []);
  return drop;
}

const previous = (drop: Drop): string => readFileSync(join(drop.path, "..previous/KEY"), "utf8");

async function ids(drop: Drop): Promise<(string | null)[]> {
  const read = await readDrop(drop.path, drop.volume);
  return [read.current?.id ?? null, read.previous?.id ?? null];
}

test("the old files are back, the failed ones stand where the old ones stood, and nothing is left to go back to", async () => {
  const drop = await rolling();
  expect(previous(drop)).toBe("old");

  await flipBack(drop, true);

  expect(visible(drop)).toEqual({ KEY: "old" });
  expect(previous(drop)).toBe("new");
  expect(await ids(drop)).toEqual([OLD, null]);
});

test("called again it keeps both, and the commit drops the failed one", async () => {
  const drop = await rolling();
  await flipBack(drop, true);
  await flipBack(drop, true);
  expect(previous(drop)).toBe("new");

  await commit(drop);

  expect(visible(drop)).toEqual({ KEY: "old" });
  for (const name of ["..previous", "..failed", `..gen-${NEW}`]) expect(existsSync(join(drop.path, name))).toBe(false);
});

test("killed before the flip, what was committed last is still the way back", async () => {
  const drop = await rolling();
  symlinkSync(`..gen-${NEW}`, join(drop.path, "..failed"));

  expect(await ids(drop)).toEqual([NEW, OLD]);
  await flipBack(drop);
  expect(visible(drop)).toEqual({ KEY: "old" });
});

test("killed right after the flip, the next delivery starts from the old files", async () => {
  const drop = await rolling();
  symlinkSync(`..gen-${NEW}`, join(drop.path, "..failed"));
  renameSync(join(drop.path, "..previous"), join(drop.path, "..data"));

  expect(await ids(drop)).toEqual([OLD, null]);
  await deliver(drop, generation(NEWER, { KEY: "newer" }), []);
  expect(await ids(drop)).toEqual([NEWER, OLD]);
  expect(existsSync(join(drop.path, "..failed"))).toBe(false);
});

test("a delivery in the middle of it takes the failed one for nothing to go back to", async () => {
  const drop = await rolling();
  await flipBack(drop, true);

  await deliver(drop, generation(NEWER, { KEY: "newer" }), []);

  expect(await ids(drop)).toEqual([NEWER, OLD]);
});
