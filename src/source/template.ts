/** Templates beside a bundle: read with it, by the names that labels give them. */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SidecryptError, systemCode } from "../errors.ts";
import { faultOf } from "../fault.ts";
import type { Templates } from "../types.ts";

/** A drop of the usual size holds three generations in a megabyte. */
export const LARGEST_TEMPLATE = 256 * 2 ** 10;

/** Never throws: a template that cannot be used is its consumer's fault, not the bundle's. */
export async function readTemplates(dir: string, names: Iterable<string>): Promise<Templates> {
  const read = [...new Set(names)].map(async (name) => {
    const found = await readTemplate(dir, name).catch((thrown: unknown) => faultOf(thrown, name));
    return [name, found] as const;
  });
  return new Map(await Promise.all(read));
}

async function readTemplate(dir: string, name: string): Promise<Uint8Array> {
  try {
    const path = await realpath(join(dir, name));
    // Who can push a link would otherwise have the sidecar's own files rendered for a bot, the age key above all.
    if (dirname(path) !== (await realpath(dir))) throw refused(name, `is a link that leads out of ${dir}`);
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw refused(name, "is not a file");
      const bytes = Buffer.alloc(LARGEST_TEMPLATE + 1);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      if (bytesRead > LARGEST_TEMPLATE) throw refused(name, `is larger than ${LARGEST_TEMPLATE / 2 ** 10} KiB`);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof SidecryptError) throw thrown;
    const code = systemCode(thrown) ?? "an error";
    if (code === "ENOENT") throw refused(name, `is not in ${dir}`, "a template stands beside the bundle");
    throw refused(name, `cannot be read (${code})`, `root without capabilities reads it after: chmod a+r ${name}`);
  }
}

function refused(name: string, why: string, hint?: string): SidecryptError {
  return new SidecryptError("render-failed", `template ${name} ${why}`, hint);
}
