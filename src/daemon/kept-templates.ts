/** The templates of each drop's last commit, in /state by their digests: the same text is there once. */
import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Templates } from "../types.ts";
import { writeWhole } from "./state-file.ts";

/** Below /state. */
export const TEMPLATES = "templates";

/** Volume to file name to SHA-256. */
export type TemplateDigests = Readonly<Record<string, Readonly<Record<string, string>>>>;

export function digestsOf(templates: Templates = new Map()): Record<string, string> {
  const rows = [...templates].flatMap(([name, bytes]): [string, string][] =>
    bytes instanceof Uint8Array ? [[name, sha256(bytes)]] : [],
  );
  return Object.fromEntries(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws SidecryptError `state-unwritable` */
export async function keepTemplates(dir: string, templates: Templates = new Map()): Promise<void> {
  for (const bytes of templates.values()) {
    if (bytes instanceof Uint8Array) await writeWhole(join(dir, TEMPLATES, sha256(bytes)), bytes, dir);
  }
}

/** By volume; what is gone is left out. */
export async function keptTemplates(dir: string, kept: TemplateDigests): Promise<ReadonlyMap<string, Templates>> {
  const volumes = Object.entries(kept).map(async ([volume, digests]) => {
    const files = Object.entries(digests).map(async ([name, digest]) => {
      const bytes = await readFile(join(dir, TEMPLATES, digest)).catch(() => null);
      return bytes === null ? [] : [[name, bytes] as const];
    });
    return [volume, new Map((await Promise.all(files)).flat())] as const;
  });
  return new Map(await Promise.all(volumes));
}

export async function pruneTemplates(dir: string, kept: TemplateDigests): Promise<void> {
  const used = new Set(Object.values(kept).flatMap((digests) => Object.values(digests)));
  for (const name of await readdir(join(dir, TEMPLATES))) {
    if (!used.has(name)) await rm(join(dir, TEMPLATES, name), { force: true });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
