/**
 * What a drop holds, as far as it is complete. A broken layout is no error: it reads as what is whole, and the next
 * delivery repairs it. Never throws for a drop that cannot be used: that is its fault.
 */
import { accessSync, constants, lstatSync, readdirSync, readFileSync } from "node:fs";
import type { Delivered, Fault, ObservedDrop } from "../types.ts";
import { faultOf } from "../fault.ts";
import { guarded } from "./faults.ts";
import { DATA, PREVIOUS, idOf, idsOn, readLayout } from "./layout.ts";
import type { Drop } from "./layout.ts";
import { checkMemory } from "./memory.ts";
import { readSeen, seenOf } from "./seen.ts";

export async function readDrop(path: string, volume: string): Promise<ObservedDrop> {
  const drop = { path, volume };
  const fault = await faultAt(drop);
  const nothing = { volume, path, current: null, previous: null, seen: [] };
  // Files that lie on a disk are not ours, whatever they are called.
  if (fault?.code === "drop-not-memory") return { ...nothing, fault };
  try {
    return { ...(await guarded(drop, () => readWhole(drop))), fault };
  } catch (error) {
    return { ...nothing, fault: fault ?? faultOf(error, volume) };
  }
}

function readWhole({ path, volume }: Drop): Omit<ObservedDrop, "fault"> {
  const layout = readLayout(path);
  const current = layout.current === null ? null : readDelivered(path, DATA, layout.current);
  const previous = layout.previous === null ? null : readDelivered(path, PREVIOUS, layout.previous);
  return {
    volume,
    path,
    current,
    // A kill before the flip leaves both at one generation: then nothing newer waits for its commit.
    previous: previous?.id === current?.id ? null : previous,
    seen: seenOf(readSeen(path), idsOn(layout)),
  };
}

function readDelivered(path: string, link: string, directory: string): Delivered {
  // rename(2) sets the link's ctime; its mtime is from before the flip, when a container could still read the old files.
  const { ctimeMs } = lstatSync(`${path}/${link}`);
  const files = new Map<string, Uint8Array>();
  const generation = `${path}/${directory}`;
  for (const entry of readdirSync(generation, { withFileTypes: true })) {
    if (entry.isFile()) files.set(entry.name, readFileSync(`${generation}/${entry.name}`));
  }
  return { id: idOf(directory), deliveredAt: ctimeMs, files };
}

async function faultAt(drop: Drop): Promise<Fault | null> {
  try {
    await checkMemory(drop.path, drop.volume);
    await guarded(drop, () => {
      accessSync(drop.path, constants.R_OK | constants.W_OK | constants.X_OK);
    });
    return null;
  } catch (error) {
    return faultOf(error, drop.volume);
  }
}
