/** What stands on a drop, held against its layout: names, owners and modes. Reads, never writes. */
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { geteuid } from "node:process";
import { mountAt } from "../mountinfo.ts";
import { octal } from "./faults.ts";
import { DATA, FAILED, PREVIOUS, SCRIPT, SEEN, ifThere, readLayout } from "./layout.ts";
import type { Drop } from "./layout.ts";
import { readMounts } from "./options.ts";

export interface DropAudit {
  /** Directory of the generation that readers see; null: none. */
  readonly generation: string | null;
  /** Names that nothing of ours accounts for. */
  readonly strangers: readonly string[];
  /** What is wrong with an owner or a mode, each by its file's name. */
  readonly wrong: readonly string[];
  readonly root: DropRoot;
}

/** The drop's own directory, as it is mounted here. */
export interface DropRoot {
  /** As the host counts them, which a mount's options do too. */
  readonly uid: number;
  readonly gid: number;
  /** Per-mount options: `noexec`, `nosuid`, `nodev`. Null: nothing is mounted there. */
  readonly flags: readonly string[] | null;
}

export async function auditDrop({ path }: Drop): Promise<DropAudit> {
  const layout = readLayout(path);
  const names = layout.current === null ? [] : await readdir(join(path, layout.current));
  const known = new Set([SCRIPT, SEEN, DATA, PREVIOUS, FAILED, layout.current, layout.previous, ...names]);
  const strangers = (await readdir(path)).filter((name) => !known.has(name));
  const { uid, gid, mode } = await stat(path);
  const wrong: string[] = [];
  for (const name of names) {
    // Flipped away between two looks: the next verify sees the next generation.
    const file = await ifThere(lstat(join(path, layout.current ?? "", name)));
    if (file === null) continue;
    const fault = faultOf(file, { gid, everyone: (mode & 0o005) === 0o005 });
    if (fault !== null) wrong.push(`${name} ${fault}`);
  }
  const ids = { uid: onHost(await idMap("uid"), uid), gid: onHost(await idMap("gid"), gid) };
  const root = { ...ids, flags: mountAt(await readMounts(), path)?.options ?? null };
  return { generation: layout.current, strangers, wrong, root };
}

interface Look {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  isFile(): boolean;
}

function faultOf(file: Look, drop: { readonly gid: number; readonly everyone: boolean }): string | null {
  const uid = geteuid?.() ?? 0;
  if (!file.isFile()) return "is no file";
  if (file.uid !== uid) return `belongs to uid ${file.uid} instead of ${uid}`;
  if (file.gid !== drop.gid) return `is of group ${file.gid} instead of the drop's ${drop.gid}`;
  if ((file.mode & 0o222) !== 0) return `has mode ${octal(file.mode)}: it can be written`;
  if ((file.mode & 0o004) !== 0 && !drop.everyone) return `has mode ${octal(file.mode)}: everyone can read it`;
  return null;
}

const idMap = (kind: "uid" | "gid"): Promise<string> => readFile(`/proc/self/${kind}_map`, "utf8");

/** user_namespaces(7): first here, first outside, how many. One that is in no row has no id outside. */
export function onHost(map: string, id: number): number {
  const rows = map.split("\n").map((row) => row.trim().split(/\s+/).map(Number));
  const row = rows.find(([inside = NaN, , count = 0]) => id >= inside && id < inside + count);
  return row === undefined ? id : id - (row[0] ?? 0) + (row[1] ?? 0);
}
