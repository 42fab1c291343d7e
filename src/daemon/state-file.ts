/** Files in /state. */
import { open, rename } from "node:fs/promises";
import { SidecryptError, systemCode } from "../errors.ts";

/** Whole or not at all, also over a power cut. */
export async function writeWhole(path: string, bytes: Uint8Array, dir: string): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    throw unwritable(dir, thrown);
  }
}

export function unwritable(dir: string, thrown: unknown): SidecryptError {
  return new SidecryptError(
    "state-unwritable",
    `cannot write to ${dir}: ${systemCode(thrown) ?? "unknown error"}`,
    `mount a volume there: - sidecrypt-state:${dir}`,
  );
}
