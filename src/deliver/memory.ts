/**
 * The proof that a drop is memory. Asked before every write: a volume definition that names tmpfs proves nothing
 * (tmpfs-and-leaks.md §2.2), and Docker has bound the disk directory below a lost mount (§2.3).
 */
import { SidecryptError } from "../errors.ts";
import { filesystemMagic, isMemory } from "../memory-backed.ts";
import { guarded, optionsHint, ownerOf } from "./faults.ts";

export async function checkMemory(path: string, volume: string): Promise<void> {
  const magic = await guarded({ path, volume }, () => filesystemMagic(path));
  if (isMemory(magic)) return;
  throw new SidecryptError(
    "drop-not-memory",
    `volume ${volume} at ${path} is not memory-backed (filesystem 0x${magic.toString(16)}): nothing was written`,
    optionsHint(volume, await ownerOf(path)),
  );
}
