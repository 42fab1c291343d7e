/**
 * Reads the age identities from their file. Takes a path, returns identities ready to open a bundle. Never repeats
 * anything of the file's content: with the wrong path it may be any file.
 */
import { open, stat, type FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { geteuid } from "node:process";
import { parseIdentities, type Identities } from "./bundle/index.ts";
import { SidecryptError, systemCode } from "./errors.ts";

/** A key file holds a few lines of 75 characters; post-quantum ones are 2 kB each. */
const MAX_KEY_FILE = 64 * 1024;

export async function loadIdentities(path: string): Promise<Identities> {
  const bytes = await readKeyFile(path);
  try {
    return await parseIdentities(new TextDecoder().decode(bytes), path);
  } finally {
    bytes.fill(0);
  }
}

async function readKeyFile(path: string): Promise<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (thrown) {
    throw await explain(path, systemCode(thrown) ?? "");
  }
  try {
    const buffer = Buffer.alloc(MAX_KEY_FILE + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
    }
    buffer.fill(0);
  } catch (thrown) {
    throw await explain(path, systemCode(thrown) ?? "");
  } finally {
    await handle.close();
  }
  throw new SidecryptError(
    "key-unreadable",
    `${path} is larger than ${MAX_KEY_FILE} bytes`,
    "is it a key file? it is named by SOPS_AGE_KEY_FILE",
  );
}

/** What is wrong with the file, and the line that mends it on the host. */
async function explain(path: string, code: string): Promise<SidecryptError> {
  const name = basename(path);
  switch (code) {
    case "ENOENT":
      return new SidecryptError(
        "key-unreadable",
        `${path} does not exist`,
        `make one with: sidecrypt keygen -o ${name}, and mount it: ./${name}:${path}:ro; or name another in SOPS_AGE_KEY_FILE`,
      );
    case "EISDIR":
      return new SidecryptError(
        "key-unreadable",
        `${path} is a directory: docker makes one where the file of a mount is not there`,
        `on the host: rmdir ${name}, put the key file in its place, and docker compose up -d --force-recreate the sidecar`,
      );
    case "EACCES":
    case "EPERM":
      return denied(path, name);
    default:
      return new SidecryptError("key-unreadable", `${path} cannot be read: ${code === "" ? "unknown error" : code}`);
  }
}

async function denied(path: string, name: string): Promise<SidecryptError> {
  const uid = geteuid?.() ?? 0;
  const found = await stat(path).catch(() => null);
  const whose =
    found === null ? "a directory above it is closed" : `its owner is uid ${found.uid}, its mode ${octal(found.mode)}`;
  return new SidecryptError(
    "key-unreadable",
    `${path} cannot be read as uid ${uid}: ${whose}`,
    `on the host: sudo chown ${uid} ${name} && sudo chmod 0600 ${name}`,
  );
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
