/**
 * A kill before every single write that a verb makes: from the n-th on none is carried out and none returns, as for a
 * process that is gone. Then what stands on the drop is judged, and the verb is run again.
 */
import { promises as fs, readdirSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, expect, test } from "vitest";
import { commit, deliver, flipBack, markSeen, readDrop } from "../../src/deliver/index.ts";
import type { Drop } from "../../src/deliver/index.ts";
import type { ObservedDrop } from "../../src/types.ts";
import { CONTAINER, NEW, NEWER, OLD, OTHER, START, generation, shmDrop, visible } from "./drops.ts";

const WRITES = ["mkdir", "open", "rename", "rm", "symlink", "unlink"] as const;
const originals = { ...fs };
const writable = fs as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;

const opened: FileHandle[] = [];

afterEach(restore);

function restore(): void {
  for (const file of opened.splice(0)) if (file.fd !== -1) void file.close();
  for (const name of WRITES) writable[name] = originals[name] as (typeof writable)[string];
  syncBuiltinESMExports();
}

/** Resolves to true when the n-th write was reached, to false when the verb came to its end before it. */
async function killedAt(n: number, verb: () => Promise<void>): Promise<boolean> {
  let writes = 0;
  let killed: () => void = () => undefined;
  const death = new Promise<boolean>((resolve) => {
    killed = () => {
      resolve(true);
    };
  });
  const step = async (write: () => Promise<unknown>): Promise<unknown> => {
    if (++writes < n) return write();
    killed();
    return new Promise(() => undefined);
  };
  for (const name of WRITES) {
    const original = originals[name] as (...args: unknown[]) => Promise<unknown>;
    writable[name] = (...args) =>
      step(async () => {
        const result = await original(...args);
        return name === "open" ? mortal(result as FileHandle, step) : result;
      });
  }
  syncBuiltinESMExports();
  const ended = verb().then(() => false);
  const result = await Promise.race([death, ended]);
  restore();
  return result;
}

function mortal(file: FileHandle, step: (write: () => Promise<unknown>) => Promise<unknown>): FileHandle {
  opened.push(file);
  const write = file.writeFile.bind(file);
  file.writeFile = (...args) =>
    step(async () => {
      await write(...args);
    }) as Promise<void>;
  const chmod = file.chmod.bind(file);
  file.chmod = (mode) => step(() => chmod(mode)) as Promise<void>;
  return file;
}

const files: Record<string, Record<string, string>> = {
  [OLD]: { STAYS: "old", GOES: "old" },
  [NEW]: { STAYS: "new", COMES: "new" },
  [NEWER]: { STAYS: "newer", COMES: "newer" },
};
const seen = (id: string, container = CONTAINER) => ({ container, startedAt: START, generation: id });
const first = (drop: Drop) => deliver(drop, generation(OLD, files[OLD]!), [seen(OLD)]);
const second = (drop: Drop) => deliver(drop, generation(NEW, files[NEW]!), [seen(NEW)]);
const third = (drop: Drop) => deliver(drop, generation(NEWER, files[NEWER]!), []);

interface Scenario {
  before: ((drop: Drop) => Promise<void>)[];
  verb: (drop: Drop) => Promise<void>;
  /** What may be read after a kill: current and previous. */
  allowed: [string | null, string | null][];
  after: [string, string | null];
}

const scenarios: Record<string, Scenario> = {
  "the first delivery": {
    before: [],
    verb: first,
    allowed: [
      [null, null],
      [OLD, null],
    ],
    after: [OLD, null],
  },
  "a second delivery": {
    before: [first],
    verb: second,
    allowed: [
      [OLD, null],
      [NEW, OLD],
    ],
    after: [NEW, OLD],
  },
  "one that overtakes an uncommitted one": {
    before: [first, second],
    verb: third,
    allowed: [
      [NEW, OLD],
      [NEWER, OLD],
    ],
    after: [NEWER, OLD],
  },
  "one that takes the change back": {
    before: [first, second],
    verb: first,
    allowed: [
      [NEW, OLD],
      [OLD, null],
    ],
    after: [OLD, null],
  },
  flipBack: {
    before: [first, second],
    verb: flipBack,
    allowed: [
      [NEW, OLD],
      [OLD, null],
    ],
    after: [OLD, null],
  },
  commit: {
    before: [first, second],
    verb: commit,
    allowed: [
      [NEW, OLD],
      [NEW, null],
    ],
    after: [NEW, null],
  },
  markSeen: {
    before: [first],
    verb: (drop) => markSeen(drop, [seen(OLD, OTHER)]),
    allowed: [[OLD, null]],
    after: [OLD, null],
  },
};

test.each(Object.entries(scenarios))("killed at every step: %s", async (_, { before, verb, allowed, after }) => {
  let n = 1;
  for (let killed = true; killed; n++) {
    const drop = shmDrop();
    for (const earlier of before) await earlier(drop);
    killed = await killedAt(n, () => verb(drop));

    const observed = await readDrop(drop.path, drop.volume);
    expect(allowed, `killed at write ${n}`).toContainEqual([
      observed.current?.id ?? null,
      observed.previous?.id ?? null,
    ]);
    expectWhole(observed);
    await verb(drop);
    const repaired = await readDrop(drop.path, drop.volume);
    expect([repaired.current?.id ?? null, repaired.previous?.id ?? null]).toEqual(after);
    expectWhole(repaired);
    expect(visible(drop)).toEqual(files[after[0]]);
    const directories = readdirSync(drop.path).filter((name) => name.startsWith("..gen-"));
    expect(directories.sort()).toEqual(
      after
        .filter((id) => id !== null)
        .map((id) => `..gen-${id}`)
        .sort(),
    );
    expect(readdirSync(drop.path).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  }
  // It was killed somewhere: no verb here gets by with fewer than three writes.
  expect(n).toBeGreaterThan(3);
});

/** Of a generation that is read, every file is there with its bytes; nobody is marked for one that is not there. */
function expectWhole({ current, previous, seen: entries }: ObservedDrop): void {
  const delivered = [current, previous].filter((generation) => generation !== null);
  for (const { id, files: bytes } of delivered) {
    expect(Object.fromEntries([...bytes].map(([name, value]) => [name, Buffer.from(value).toString()]))).toEqual(
      files[id],
    );
  }
  for (const entry of entries) expect(delivered.map(({ id }) => id)).toContain(entry.generation);
}
