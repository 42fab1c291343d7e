/**
 * The writes to a drop. Takes a generation that plan decided on; decides nothing itself; runs after `open` has
 * compared the MAC. One caller at a time for a drop: a second sidecar on it is `drop-second-writer`, found before.
 *
 * After a kill at any line, a reader sees the old generation or the new one, whole, and the next call repairs the rest.
 */
import { readdir, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Generation, SeenEntry } from "../types.ts";
import { guarded } from "./faults.ts";
import { findGeneration, writeGeneration } from "./generation.ts";
import { DATA, FAILED, PREVIOUS, checkGeneration, freeDirectory, idOf, idsOn, readLayout } from "./layout.ts";
import type { Drop, Layout } from "./layout.ts";
import { checkMemory } from "./memory.ts";
import { adoptSeen, readSeen, replaceSeen, seenOf, writeSeen } from "./seen.ts";
import { linkNames, pointAt, sweep } from "./sweep.ts";

/**
 * Puts a generation on a drop (after the kubelet's AtomicWriter):
 *
 *   1. The drop is memory.
 *   2. What a killed run left is swept, so that its room is there for step 3.
 *   3. The generation is written beside the delivered one and read back, unless it stands there already.
 *   4. Names get their stable links. A new one dangles until step 7, which to a reader is "no such file", as before;
 *      the other way round a reader woken by the flip would miss it.
 *   5. Adopted containers are marked: once flipped, an unmarked one would look stale and be rolled for nothing.
 *   6. `..previous` is set before the flip: a kill between the two leaves previous = current, which means "nothing to
 *      commit"; the other way round the new generation would pass for a committed one, with no way back.
 *   7. `..data` is flipped by one rename. A drop that has the generation already is not flipped: the time of the flip
 *      tells which containers started after it.
 *   8. Generations that neither link points at are pruned, and links of names that are gone.
 */
export async function deliver(drop: Drop, generation: Generation, adopt: readonly SeenEntry[]): Promise<void> {
  checkGeneration(generation);
  await checkMemory(drop.path, drop.volume); // 1
  await guarded(drop, async () => {
    const before = readLayout(drop.path);
    await sweep(drop.path, before); // 2
    try {
      await prepare(drop, generation, adopt, before);
    } catch (error) {
      // The error that is told is the first one, not one of tidying up.
      await prune(drop).catch(() => undefined);
      throw error;
    }
    await prune(drop); // 8
  });
}

/** Steps 3 to 7. */
async function prepare(drop: Drop, generation: Generation, adopt: readonly SeenEntry[], before: Layout): Promise<void> {
  const { path } = drop;
  let directory = await findGeneration(drop, generation, before); // 3
  if (directory === null) {
    directory = freeDirectory(generation.id, before);
    await writeGeneration(drop, generation, directory);
  }
  await linkNames(path, generation.files.keys()); // 4
  const seen = readSeen(path);
  await writeSeen(path, seen, adoptSeen(seen, adopt)); // 5
  await keepPrevious(drop, generation, before); // 6
  await pointAt(join(path, DATA), directory, path); // 7; does nothing where it points there already
  if (directory === before.previous) await unlink(join(path, PREVIOUS));
}

/** The one committed last stays through any number of newer ones (DESIGN.md, What decides correctness, 3). */
async function keepPrevious(drop: Drop, generation: Generation, { current, previous }: Layout): Promise<void> {
  // A damaged directory of the same id is repaired, not kept to go back to.
  if (previous !== null || current === null || idOf(current) === generation.id) return;
  await pointAt(join(drop.path, PREVIOUS), current, drop.path);
}

/**
 * The generation committed last becomes current again and the failed one goes. Nothing to go back to: nothing done.
 *
 * With `keepFailed` the failed one stays as `..previous` until `commit`, for a command that needs both. `..failed` is
 * set first and says so: a kill between any two steps leaves a `..previous` that is told apart by it.
 */
export async function flipBack(drop: Drop, keepFailed = false): Promise<void> {
  await checkMemory(drop.path, drop.volume);
  await guarded(drop, async () => {
    const layout = readLayout(drop.path);
    const { current, previous } = layout;
    const differs = previous !== null && previous !== current;
    // Called again: the failed one is kept as it is.
    if (keepFailed && !differs) return;
    await sweep(drop.path, layout);
    if (differs) {
      await linkNames(drop.path, await readdir(join(drop.path, previous)));
      if (keepFailed && current !== null) await pointAt(join(drop.path, FAILED), current, drop.path);
      // `..previous` itself takes the place of `..data`: one rename flips and ends the way back at once.
      await rename(join(drop.path, PREVIOUS), join(drop.path, DATA));
      if (keepFailed && current !== null) {
        await pointAt(join(drop.path, PREVIOUS), current, drop.path);
        return;
      }
    }
    await settle(drop);
  });
}

/** There is no way back any more. Without a whole current generation `..previous` is all there is, and stays. */
export async function commit(drop: Drop): Promise<void> {
  await checkMemory(drop.path, drop.volume);
  await guarded(drop, () => settle(drop));
}

/** Marks what containers have loaded, after a roll, restart, signal, exec or adoption: their older entries go. */
export async function markSeen(drop: Drop, entries: readonly SeenEntry[], options: MarkOptions = {}): Promise<void> {
  await checkMemory(drop.path, drop.volume);
  await guarded(drop, async () => {
    const { living } = options;
    const before = readSeen(drop.path);
    const known = living === undefined ? before : before.filter((entry) => living.has(entry.container));
    const marked = seenOf(replaceSeen(known, entries), idsOn(readLayout(drop.path)));
    await writeSeen(drop.path, before, marked);
  });
}

export interface MarkOptions {
  /** Full ids of every container there is; entries of others are dropped. */
  readonly living?: ReadonlySet<string>;
}

async function settle(drop: Drop): Promise<void> {
  const { current } = readLayout(drop.path);
  if (current !== null) await rm(join(drop.path, PREVIOUS), { recursive: true, force: true });
  await prune(drop);
}

/** Whatever the two links, as they are now, do not account for goes. */
async function prune({ path }: Drop): Promise<void> {
  await sweep(path, readLayout(path));
}
