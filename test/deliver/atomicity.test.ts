/** All old or all new: for a reader beside a running writer, and after a kill -9 at any moment. */
import { once } from "node:events";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { deliver, readDrop } from "../../src/deliver/index.ts";
import type { Drop } from "../../src/deliver/index.ts";
import { generation, program, shmDrop, visible } from "./drops.ts";
import { torn, tornFile } from "./loop.ts";

const READS = 3_000;
const KILLS = 8;

async function startLoop(drop: Drop) {
  const child = program("deliver-loop.program.ts", [drop.path]);
  await once(child.stdout, "data");
  return child;
}

/** Null: the generation was replaced or pruned meanwhile, which the reader of a set finds out and begins again. */
function readSet(path: string): string[] | null {
  const target = readlinkSync(join(path, "..data"));
  const texts = orGone(() => {
    const directory = join(path, target);
    return readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
  });
  return readlinkSync(join(path, "..data")) === target ? texts : null;
}

function orGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

test("a reader beside a writer that never rests sees no torn set", { timeout: 60_000 }, async () => {
  const drop = shmDrop();
  await startLoop(drop);
  const generations = new Set<string>();
  for (let whole = 0; whole < READS;) {
    const texts = readSet(drop.path);
    if (texts === null) continue;
    expect(torn(texts)).toBeNull();
    generations.add(texts[0]!);
    whole++;
  }
  expect(generations.size).toBeGreaterThan(3);
});

test("a reader of stable names sees no torn file, and no name ever missing", { timeout: 60_000 }, async () => {
  const drop = shmDrop();
  await startLoop(drop);
  for (let whole = 0; whole < READS;) {
    expect(readlinkSync(join(drop.path, "KEY_0"))).toBe("..data/KEY_0");
    const text = orGone(() => readFileSync(join(drop.path, "KEY_0"), "utf8"));
    if (text === null) continue;
    expect(tornFile(text)).toBeNull();
    whole++;
  }
});

// Every single step is killed in kill.test.ts; this is the real signal at moments that nobody chose.
test("kill -9 at random leaves whole generations, and the next delivery repairs", { timeout: 60_000 }, async () => {
  const drop = shmDrop();
  for (let kill = 0; kill < KILLS; kill++) {
    const child = await startLoop(drop);
    await pause(Math.random() * 40);
    child.kill("SIGKILL");
    await once(child, "close");
    const { current, previous, fault } = await readDrop(drop.path, drop.volume);
    expect(fault).toBeNull();
    expect(current).not.toBeNull();
    for (const delivered of [current, previous]) {
      if (delivered === null) continue;
      const texts = [...delivered.files.values()].map((bytes) => Buffer.from(bytes).toString());
      expect(torn(texts)).toBeNull();
      expect(texts[0]!.startsWith(delivered.id)).toBe(true);
    }
  }
  await deliver(drop, generation("f".repeat(20), { KEY_0: "after" }), []);
  expect(visible(drop)).toEqual({ KEY_0: "after" });
});
