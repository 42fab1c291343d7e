/**
 * `..seen`: which container has had which generation before it, at which start.
 *
 * An entry outlives neither its generation (the id may come back after the container has loaded another) nor its
 * start: Docker's text of the start is compared as text, never parsed here.
 */
import { readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import * as z from "zod";
import type { SeenEntry } from "../types.ts";
import { ID, SEEN } from "./layout.ts";

const SEEN_TEMPORARY = "..seen.tmp";
/** Nobody but the sidecar reads it. */
const SEEN_MODE = 0o400;

const entriesSchema = z.array(
  z.object({
    container: z.string().regex(/^[0-9a-f]{12,64}$/),
    startedAt: z.string().min(1).max(64),
    generation: z.string().regex(ID),
  }),
);

/** A file that is not there or does not parse says nothing: what it would have said costs a roll, a wrong guess costs a bot its key. */
export function readSeen(path: string): SeenEntry[] {
  try {
    return entriesSchema.parse(JSON.parse(readFileSync(`${path}/${SEEN}`, "utf8")));
  } catch {
    return [];
  }
}

/** What a container loaded last is all that counts for it: its older entries go. */
export function replaceSeen(seen: readonly SeenEntry[], entries: readonly SeenEntry[]): SeenEntry[] {
  const named = new Set(entries.map((entry) => entry.container));
  return unique([...seen.filter((entry) => !named.has(entry.container)), ...entries]);
}

/**
 * An adopted container's own files are the same in both generations, so it has seen both: the entry for the delivered
 * one must survive a kill before the flip, and a way back after it.
 */
export function adoptSeen(seen: readonly SeenEntry[], adopt: readonly SeenEntry[]): SeenEntry[] {
  const starts = new Map(adopt.map((entry) => [entry.container, entry.startedAt]));
  const kept = seen.filter((entry) => (starts.get(entry.container) ?? entry.startedAt) === entry.startedAt);
  return unique([...kept, ...adopt]);
}

export function seenOf(seen: readonly SeenEntry[], generations: ReadonlySet<string>): SeenEntry[] {
  return seen.filter((entry) => generations.has(entry.generation));
}

/** Writes only what differs from `before`: a pass that changes nothing leaves no trace. */
export async function writeSeen(path: string, before: readonly SeenEntry[], entries: readonly SeenEntry[]) {
  const text = JSON.stringify(entries);
  if (text === JSON.stringify(before)) return;
  const temporary = `${path}/${SEEN_TEMPORARY}`;
  // A leftover is 0400: without CAP_DAC_OVERRIDE even its owner cannot open it for writing again.
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", SEEN_MODE);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(temporary, `${path}/${SEEN}`);
}

function unique(entries: readonly SeenEntry[]): SeenEntry[] {
  return [...new Map(entries.map((entry) => [Object.values(keyOf(entry)).join(" "), keyOf(entry)])).values()];
}

/** Exactly the fields of the file, in one order: entries are compared as text. */
function keyOf({ container, startedAt, generation }: SeenEntry): SeenEntry {
  return { container, startedAt, generation };
}
