/**
 * The proof that a drop is memory. Asked before every write: a volume definition that names tmpfs proves nothing
 * (tmpfs-and-leaks.md §2.2), and Docker has bound the disk directory below a lost mount (§2.3).
 */
import { statfs } from "node:fs/promises";
import { SidecryptError } from "../errors.ts";
import { guarded, optionsHint, ownerOf } from "./faults.ts";

// statfs(2)
const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;

export async function checkMemory(path: string, volume: string): Promise<void> {
  // The field is signed on some platforms, and ramfs' magic has the top bit set.
  const magic = await guarded({ path, volume }, async () => (await statfs(path)).type >>> 0);
  if (magic === TMPFS_MAGIC || magic === RAMFS_MAGIC) return;
  throw new SidecryptError(
    "drop-not-memory",
    `volume ${volume} at ${path} is not memory-backed (filesystem 0x${magic.toString(16)}): nothing was written`,
    optionsHint(volume, await ownerOf(path)),
  );
}
