/**
 * One generation directory: written, looked at, read back. Nothing here is visible to a reader yet: that is the flip
 * (deliver.ts).
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Generation } from "../types.ts";
import { octal, unwritable } from "./faults.ts";
import type { Owner } from "./faults.ts";
import { idOf } from "./layout.ts";
import type { Drop, Layout } from "./layout.ts";

/** Who may read: as far as the drop itself lets them in. */
interface Intended {
  readonly drop: Owner;
  readonly file: number;
  readonly directory: number;
}

async function intendedFor(drop: Drop): Promise<Intended> {
  const { uid, gid, mode } = await stat(drop.path);
  return { drop: { uid, gid, mode }, ...modesFor({ mode }) };
}

/** `mode`: of the drop itself. */
export function modesFor({ mode }: Pick<Owner, "mode">): Pick<Intended, "file" | "directory"> {
  const everyone = (mode & 0o005) === 0o005;
  return { file: everyone ? 0o444 : 0o440, directory: everyone ? 0o755 : 0o750 };
}

/** The directory that holds exactly this generation already, whole and readable. */
export async function findGeneration(drop: Drop, generation: Generation, layout: Layout): Promise<string | null> {
  const intended = await intendedFor(drop);
  for (const directory of [layout.current, layout.previous]) {
    if (directory === null || idOf(directory) !== generation.id) continue;
    if ((await faultIn(join(drop.path, directory), generation, intended)) === null) return directory;
  }
  return null;
}

export async function writeGeneration(drop: Drop, generation: Generation, directory: string): Promise<void> {
  const intended = await intendedFor(drop);
  const path = join(drop.path, directory);
  // Never chmod of a directory: outside its group and without CAP_FSETID that clears set-group-id, and with it the
  // group of every file below (tmpfs-and-leaks.md §2.7). The umask decides, and the look at the result finds it out.
  await mkdir(path, { mode: intended.directory });
  for (const [name, bytes] of generation.files) await writeSecret(join(path, name), bytes, intended.file);
  const fault = await faultIn(path, generation, intended);
  if (fault !== null) throw unwritable(drop, fault, intended.drop);
}

async function writeSecret(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, mode);
  try {
    await file.writeFile(bytes);
    // The umask took its part at open.
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

/** What is not as promised; null: every file has its bytes, its group and its mode, and there is no other. */
async function faultIn(path: string, generation: Generation, intended: Intended): Promise<string | null> {
  const directory = await lstat(path);
  const wanted = `${intended.drop.gid} ${octal(intended.file)}`;
  if ((directory.mode & 0o777) !== intended.directory) {
    return `a directory came out as ${octal(directory.mode)} instead of ${octal(intended.directory)}: the umask takes too much`;
  }
  // Its group is what lets the readers in.
  if (directory.gid !== intended.drop.gid) return groupFault("directory", directory, intended);
  const names = new Set(await readdir(path));
  if (names.size !== generation.files.size) return "a generation holds other files than were written";
  for (const [name, bytes] of generation.files) {
    if (!names.has(name)) return `"${name}" is not there after it was written`;
    const file = await lstat(join(path, name));
    if (!file.isFile()) return `"${name}" is not a file`;
    if (file.gid !== intended.drop.gid) return groupFault("file", file, intended);
    if ((file.mode & 0o7777) !== intended.file) {
      return `a file came out as ${file.gid} ${octal(file.mode)} instead of ${wanted}`;
    }
    if (!(await readFile(join(path, name))).equals(bytes))
      return `"${name}" reads back as other bytes than were written`;
  }
  return null;
}

function groupFault(kind: string, seen: Owner, { drop }: Intended): string {
  const setgid = (drop.mode & 0o2000) !== 0 ? "" : ` (its mode ${octal(drop.mode)} has no set-group-id)`;
  return `a new ${kind} came out in group ${seen.gid} instead of the drop's ${drop.gid}${setgid}`;
}
