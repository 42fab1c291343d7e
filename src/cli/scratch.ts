/** Where plaintext may stand for a while: a directory of our own in memory, gone by every way out that a process can see. */
import { mkdtempSync, rmSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Environment } from "../config.ts";
import { SidecryptError, systemCode } from "../errors.ts";
import { filesystemMagic, isMemory } from "../memory-backed.ts";
import type { Io } from "./io.ts";

const SHARED_MEMORY = "/dev/shm";

export interface Scratch {
  /** Mode 0700. */
  readonly directory: string;
  remove(): void;
}

export async function makeScratch({ env, beforeEnd }: Io): Promise<Scratch> {
  const directory = mkdtempSync(join(await memoryDirectory(env), "sidecrypt-"));
  const clear = (): void => {
    rmSync(directory, { recursive: true, force: true });
  };
  const forget = beforeEnd(clear);
  return {
    directory,
    remove: () => {
      clear();
      forget();
    },
  };
}

/** @param path - of a file that need not be there yet. */
export async function requireMemory(path: string): Promise<void> {
  const directory = dirname(path);
  if (await isMemoryDirectory(directory)) return;
  throw new SidecryptError(
    "not-in-memory",
    `${directory} is on a disk, where plaintext would remain after it is removed`,
    "choose a path below /dev/shm, or say that it is meant: --to-disk",
  );
}

/** The session's own directory first: others of this machine cannot list it. */
async function memoryDirectory(env: Environment): Promise<string> {
  for (const directory of [env["XDG_RUNTIME_DIR"], SHARED_MEMORY]) {
    if (directory !== undefined && directory !== "" && (await isMemoryDirectory(directory))) return directory;
  }
  throw new SidecryptError(
    "not-in-memory",
    `neither $XDG_RUNTIME_DIR nor ${SHARED_MEMORY} is a directory in memory (tmpfs) that may be written`,
    "mount a tmpfs and name it: XDG_RUNTIME_DIR=/mnt/tmpfs sidecrypt edit",
  );
}

async function isMemoryDirectory(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK);
    return isMemory(await filesystemMagic(directory));
  } catch (thrown) {
    if (systemCode(thrown) === null) throw thrown;
    return false;
  }
}
