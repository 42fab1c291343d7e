/** A file that was not there, for its owner only: keys and plaintext. */
import { open } from "node:fs/promises";
import { systemCode, type SidecryptError } from "../errors.ts";
import { usage } from "./arguments.ts";

/** @param mode - what a umask leaves of it; the default is for secrets. */
export async function writeNew(path: string, bytes: string | Uint8Array, command: string, mode = 0o600): Promise<void> {
  try {
    const file = await open(path, "wx", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw notWritten(path, systemCode(thrown), command);
  }
}

function notWritten(path: string, code: string | null, command: string): SidecryptError {
  // Whoever holds only the old key would be locked out of every bundle encrypted to it.
  if (code === "EEXIST") return usage(`${path} exists and is not overwritten`, command, "name another file with -o");
  if (code === "ENOENT") return usage(`the directory of ${path} does not exist`, command);
  return usage(`${path} cannot be written: ${code ?? "unknown error"}`, command);
}
