/** The one reading of a bundle: everything later derives from these bytes. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, realpath } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { mountAt, parseMountinfo } from "../mountinfo.ts";
import { SidecryptError, systemCode, toSidecryptError } from "../errors.ts";
import { SIGNATURE_SUFFIX } from "../trust/index.ts";
import type { Bundle, BundleSet, ListedBundle } from "../types.ts";
import { singleFile, unreadableAt } from "./find.ts";
import { LARGEST_BUNDLE, LARGEST_SIGNATURE, LARGEST_SIGNERS } from "./limits.ts";

export async function readBundle(path: string): Promise<Bundle> {
  const bytes = await readLimited(path, LARGEST_BUNDLE);
  return { path, bytes, digest: createHash("sha256").update(bytes).digest("hex") };
}

/** The detached signature beside a bundle; null: there is none. */
export async function readSignature(bundle: string): Promise<Uint8Array | null> {
  try {
    return await readLimited(`${bundle}${SIGNATURE_SUFFIX}`, LARGEST_SIGNATURE);
  } catch (error) {
    if (error instanceof SidecryptError && error.code === "bundle-missing") return null;
    throw error;
  }
}

/** The text of the file that says who may sign. @throws SidecryptError `signers-invalid` */
export async function readSigners(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readLimited(path, LARGEST_SIGNERS));
  } catch (error) {
    const { message } = toSidecryptError(error);
    throw new SidecryptError(
      "signers-invalid",
      `the allowed signers cannot be read: ${message.replace("no bundle at", "no file at")}`,
      `mount the file that SIDECRYPT_ALLOWED_SIGNERS names: "- ./allowed_signers:${path}:ro"`,
    );
  }
}

/** A set of one has the digest of its file: what `sha256sum` prints. */
export function asSet(bundles: readonly ListedBundle[]): BundleSet {
  const digests = bundles.map(({ digest }) => digest);
  const [first = ""] = digests;
  if (digests.length === 1) return { digest: first, bundles };
  return { digest: createHash("sha256").update(digests.join("\n")).digest("hex"), bundles };
}

/** Refuses a bundle that is itself a mount point. `mountinfo` is the text of /proc/self/mountinfo. */
export async function refuseSingleFile(path: string, mountinfo?: string): Promise<void> {
  // No /proc: no container, no bind mount.
  const text = mountinfo ?? (await readFile("/proc/self/mountinfo", "utf8").catch(() => ""));
  const mounts = parseMountinfo(text);
  const real = await realpath(path).catch(() => path);
  for (const point of [path, real]) {
    if (mountAt(mounts, point) !== null) throw singleFile(point);
  }
}

async function readLimited(path: string, limit: number): Promise<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    // Non-blocking: a fifo under the bundle's name must not stop the daemon.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile())
      throw new SidecryptError("bundle-unreadable", `${path} is not a file`, "name the encrypted file");
    if (stat.size > limit) throw tooLarge(path, limit);
    return await readToEnd(file, path, limit);
  } catch (error) {
    if (error instanceof SidecryptError) throw error;
    const code = systemCode(error);
    if (code === "ENOENT") {
      throw new SidecryptError("bundle-missing", `no bundle at ${path}`, "was it moved or renamed?");
    }
    throw await unreadableAt(path, code ?? "an error");
  } finally {
    await file?.close();
  }
}

/** To the end, not to the size that was seen: the file may grow under the reader, and half of one fails its MAC. */
async function readToEnd(file: FileHandle, path: string, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks, total);
    chunks.push(chunk.subarray(0, bytesRead));
    total += bytesRead;
    if (total > limit) throw tooLarge(path, limit);
  }
}

function tooLarge(path: string, limit: number): SidecryptError {
  return new SidecryptError(
    "bundle-too-large",
    `${path} is larger than ${limit / 2 ** 10} KiB`,
    "a bundle of secrets is some kilobytes: is it the right file?",
  );
}
