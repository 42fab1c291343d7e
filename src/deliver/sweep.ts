/** Makes a drop hold what its two links say and nothing else, and keeps the stable names. */
import { lstat, readdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import { DATA, PREVIOUS, SCRIPT, SEEN, idsOn, ifThere, linkTarget } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { readSeen, seenOf, writeSeen } from "./seen.ts";

const LINK_TEMPORARY = "..link.tmp";

/**
 * Removes every entry that the layout does not account for: generations that neither link points at, what a killed run
 * left, names that the current generation has no more, files that an image put there (tmpfs-and-leaks.md §2.5).
 */
export async function sweep(path: string, layout: Layout): Promise<void> {
  const names = layout.current === null ? [] : await readdir(join(path, layout.current));
  const kept = new Set<string | null>([SEEN, SCRIPT, layout.current, layout.previous, ...names]);
  if (layout.current !== null) kept.add(DATA);
  if (layout.previous !== null) kept.add(PREVIOUS);
  // First: without the `..failed` beside it, a failed generation would pass for the one to go back to.
  else await rm(join(path, PREVIOUS), { recursive: true, force: true });
  for (const name of await readdir(path)) {
    if (!kept.has(name)) await remove(join(path, name), !name.startsWith(".."));
  }
  const seen = readSeen(path);
  await writeSeen(path, seen, seenOf(seen, idsOn(layout)));
}

/** NAME → ..data/NAME, for every name. One that is right already is not touched. */
export async function linkNames(path: string, names: Iterable<string>): Promise<void> {
  for (const name of names) await pointAt(join(path, name), `${DATA}/${name}`, path);
}

/** A link replaced by one rename: at no moment is it absent, dangling or half of anything. */
export async function pointAt(link: string, target: string, drop: string): Promise<void> {
  if (linkTarget(link) === target) return;
  const temporary = join(drop, LINK_TEMPORARY);
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  // rename(2) puts a link over a file or a link, not over a directory.
  if ((await ifThere(lstat(link)))?.isDirectory() === true) await rm(link, { recursive: true });
  await rename(temporary, link);
}

/** What an image brought along may belong to others, down to directories that only they can empty: not our fault. */
async function remove(path: string, foreign: boolean): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const denied = systemCode(error) === "EACCES" || systemCode(error) === "EPERM";
    if (!(foreign && denied)) throw error;
  }
}
