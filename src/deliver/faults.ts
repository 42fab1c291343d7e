/** What to say when a drop cannot be used: what was seen, and the line to paste. */
import { stat } from "node:fs/promises";
import { SidecryptError, systemCode, toSidecryptError } from "../errors.ts";
import type { Drop } from "./layout.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with set-user-id, set-group-id and sticky. */
  readonly mode: number;
}

/** Runs an effect on a drop; a system error comes out as an error that names the volume. */
export async function guarded<T>(drop: Drop, effect: () => Promise<T> | T): Promise<T> {
  try {
    return await effect();
  } catch (error) {
    throw await explain(drop, error);
  }
}

export function unwritable(drop: Drop, saw: string, owner: Owner | null): SidecryptError {
  return new SidecryptError(
    "drop-unwritable",
    `cannot deliver to volume ${drop.volume} at ${drop.path}: ${saw}`,
    optionsHint(drop.volume, owner),
  );
}

/** The `o=` line for a volume; a changed one does nothing before the volume is removed (tmpfs-and-leaks.md §2.2). */
export function optionsHint(volume: string, owner: Owner | null): string {
  const uid = process.getuid?.() ?? 0;
  const gid = owner === null || owner.gid === 0 ? "<primary group of the process that reads>" : String(owner.gid);
  const user = uid === 0 ? "" : `uid=${uid},`;
  const options = `size=1m,mode=2750,${user}gid=${gid},noexec,nosuid,nodev`;
  return (
    `give the volume driver_opts: { type: tmpfs, device: tmpfs, o: "${options}" }, then stop its containers and run ` +
    `"docker volume rm ${volume}": changed driver_opts do nothing before that`
  );
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

async function explain(drop: Drop, thrown: unknown): Promise<SidecryptError> {
  const code = systemCode(thrown);
  if (thrown instanceof SidecryptError || code === null) return toSidecryptError(thrown);
  if (code === "ENOSPC" || code === "EDQUOT") return full(drop);
  const owner = await ownerOf(drop.path);
  if (owner === null) return unwritable(drop, `no such directory in the sidecar (${code})`, null);
  if (code === "EROFS") {
    return new SidecryptError(
      "drop-unwritable",
      `volume ${drop.volume} is mounted read-only at ${drop.path}`,
      `mount it in the sidecar without ":ro": ${drop.volume}:${drop.path}`,
    );
  }
  const who = `the sidecar runs as ${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return unwritable(drop, `${code}; it is ${owner.uid}:${owner.gid} ${octal(owner.mode)}, ${who}`, owner);
}

function full(drop: Drop): SidecryptError {
  return new SidecryptError(
    "drop-full",
    `volume ${drop.volume} at ${drop.path} has no room for another generation; the delivered one stays`,
    `up to three generations stand side by side, 4 KiB a file at least: raise "size=" in the volume's driver_opts, ` +
      `then stop its containers and run "docker volume rm ${drop.volume}"`,
  );
}

export async function ownerOf(path: string): Promise<Owner | null> {
  try {
    const { uid, gid, mode } = await stat(path);
    return { uid, gid, mode: mode & 0o7777 };
  } catch {
    return null;
  }
}
