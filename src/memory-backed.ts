/** Whether a path lies in memory: asked of the file system itself, since a name proves nothing. */
import { statfs } from "node:fs/promises";

// statfs(2)
const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;

export async function filesystemMagic(path: string): Promise<number> {
  // The field is signed on some platforms, and ramfs' magic has the top bit set.
  return (await statfs(path)).type >>> 0;
}

export function isMemory(magic: number): boolean {
  return magic === TMPFS_MAGIC || magic === RAMFS_MAGIC;
}
