/** What a directory holds, as one digest: content and names, never times, which git sets as it likes. */
import { createHash } from "node:crypto";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import { LARGEST_BUNDLE, isLeftover } from "./limits.ts";

/** Never throws: what cannot be read is part of the answer, so that its becoming readable is a change. */
export async function fingerprint(dir: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for (const name of (await readdir(dir)).sort()) {
      if (isLeftover(name)) continue;
      hash.update(JSON.stringify([name, await contentOf(join(dir, name))]));
    }
  } catch (error) {
    hash.update(codeOf(error));
  }
  return hash.digest("hex");
}

/** Templates stand beside the bundle, so every file counts; of the large ones, which are neither, the size. */
async function contentOf(path: string): Promise<string> {
  try {
    const seen = await stat(path);
    if (!seen.isFile()) return "other";
    if (seen.size > LARGEST_BUNDLE) return `size ${seen.size}`;
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return systemCode(error) ?? "an error";
}
