/**
 * Replaces a bundle in one step: readers see the old file or the new one. Takes the digest of what was read; where the
 * file is another by now, nothing is written, since the other change would be lost.
 */
import { createHash, randomBytes } from "node:crypto";
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SidecryptError, systemCode, toSidecryptError } from "../errors.ts";

export interface Replaced {
  /** False: only its owner may change that, and the new file belongs to whoever runs this. */
  readonly ownerKept: boolean;
}

export async function replaceFile(path: string, digest: string, bytes: Uint8Array): Promise<Replaced> {
  let temporary: string | null = null;
  try {
    // Through a symbolic link: the link stays, and the file that it names is replaced.
    const target = await realpath(path);
    // A leading dot and `.tmp` make it a leftover that no watcher takes for a bundle (source/limits.ts).
    temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
    const ownerKept = await writeLike(target, temporary, bytes);
    if (sha256(await readFile(target)) !== digest) throw changedMeanwhile(path);
    await rename(temporary, target);
    temporary = null;
    await syncDirectory(dirname(target));
    return { ownerKept };
  } catch (thrown) {
    throw notWritten(path, thrown);
  } finally {
    if (temporary !== null) await rm(temporary, { force: true });
  }
}

/** A file beside a bundle, in one step, with the bundle's mode and owner; what stood there is replaced. */
export async function writeBeside(bundle: string, suffix: string, bytes: Uint8Array): Promise<void> {
  const path = `${bundle}${suffix}`;
  let temporary: string | null = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeLike(await realpath(bundle), temporary, bytes);
    await rename(temporary, path);
    temporary = null;
    await syncDirectory(dirname(path));
  } catch (thrown) {
    throw notWritten(path, thrown);
  } finally {
    if (temporary !== null) await rm(temporary, { force: true });
  }
}

/** A new file on the disk with the bytes, and with mode and owner of `target`. */
async function writeLike(target: string, temporary: string, bytes: Uint8Array): Promise<boolean> {
  const { mode, uid, gid } = await stat(target);
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    const made = await file.stat();
    const ownerKept = (made.uid === uid && made.gid === gid) || (await chowned(() => file.chown(uid, gid)));
    // After the owner: a change of owner clears bits.
    await file.chmod(mode & 0o7777);
    await file.sync();
    return ownerKept;
  } finally {
    await file.close();
  }
}

async function chowned(change: () => Promise<void>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch (thrown) {
    if (systemCode(thrown) === "EPERM") return false;
    throw thrown;
  }
}

/** The rename itself is on the disk only then. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function changedMeanwhile(path: string): SidecryptError {
  return new SidecryptError(
    "bundle-changed",
    `${path} was replaced by someone else meanwhile; it is left as it is now`,
    "run the same command again",
  );
}

function notWritten(path: string, thrown: unknown): SidecryptError {
  const code = systemCode(thrown);
  if (thrown instanceof SidecryptError || code === null) return toSidecryptError(thrown);
  const hint = code === "EROFS" ? "the sidecar has it read-only: run this where the bundle is edited" : undefined;
  return new SidecryptError("bundle-unwritable", `${path} cannot be replaced: ${code}; it is left as it was`, hint);
}
