/** What stands on a drop, held against its layout: names, owners and modes. Reads, never writes. */
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { geteuid } from "node:process";
import { octal } from "./faults.ts";
import { DATA, FAILED, PREVIOUS, SCRIPT, SEEN, ifThere, readLayout } from "./layout.ts";
import type { Drop } from "./layout.ts";

export interface DropAudit {
  /** Directory of the generation that readers see; null: none. */
  readonly generation: string | null;
  /** Names that nothing of ours accounts for. */
  readonly strangers: readonly string[];
  /** What is wrong with an owner or a mode, each by its file's name. */
  readonly wrong: readonly string[];
}

export async function auditDrop({ path }: Drop): Promise<DropAudit> {
  const layout = readLayout(path);
  const names = layout.current === null ? [] : await readdir(join(path, layout.current));
  const known = new Set([SCRIPT, SEEN, DATA, PREVIOUS, FAILED, layout.current, layout.previous, ...names]);
  const strangers = (await readdir(path)).filter((name) => !known.has(name));
  const { gid, mode } = await stat(path);
  const wrong: string[] = [];
  for (const name of names) {
    // Flipped away between two looks: the next verify sees the next generation.
    const file = await ifThere(lstat(join(path, layout.current ?? "", name)));
    if (file === null) continue;
    const fault = faultOf(file, { gid, everyone: (mode & 0o005) === 0o005 });
    if (fault !== null) wrong.push(`${name} ${fault}`);
  }
  return { generation: layout.current, strangers, wrong };
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
