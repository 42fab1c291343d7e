/** Files and directories → sources. Links are not followed: what they name is looked at where it lies. */
import { constants } from "node:fs";
import { lstat, open, opendir, readFile, realpath } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { SidecryptError, systemCode } from "../errors.ts";
import { IGNORE_FILE, parseIgnoreFile, type Ignored } from "./allowance.ts";
import type { NotChecked, Source } from "./types.ts";

const CHUNK_BYTES = 4 * 2 ** 20;
/** Compressed objects: `--git` looks into them. */
const SKIPPED = ".git";

export interface Found {
  readonly source: Source | null;
  readonly notChecked: NotChecked | null;
  /** By the ignore file, with its reason. */
  readonly ignored: NotChecked | null;
}

const found = (some: Partial<Found>): Found => ({ source: null, notChecked: null, ignored: null, ...some });

/** @throws SidecryptError `usage` where there is nothing at `path` */
export async function* filesBelow(path: string, ignored: Ignored, root: string): AsyncGenerator<Found> {
  const seen = await lstat(path).catch((thrown: unknown) => systemCode(thrown) ?? "unknown error");
  if (seen === "ENOENT") throw new SidecryptError("usage", `there is no ${path}`, "sidecrypt scan --help");
  if (typeof seen === "string") yield found({ notChecked: { place: path, why: `cannot be read: ${seen}` } });
  else if (seen.isDirectory()) yield* directory(path, ignored, root);
  else yield* entry(path, seen, ignored, root);
}

async function* directory(path: string, ignored: Ignored, root: string): AsyncGenerator<Found> {
  const names = await namesIn(path);
  if (typeof names === "string") {
    yield found({ notChecked: { place: path, why: `the directory cannot be read: ${names}` } });
    return;
  }
  for (const name of names) {
    if (name === SKIPPED) continue;
    const below = join(path, name);
    const seen = await lstat(below).catch((thrown: unknown) => systemCode(thrown) ?? "unknown error");
    // Gone since it was listed: there is nothing to look at.
    if (seen === "ENOENT") continue;
    if (typeof seen === "string") yield found({ notChecked: { place: below, why: `cannot be read: ${seen}` } });
    else if (seen.isDirectory()) {
      const reason = reasonFor(`${below}${sep}`, ignored, root);
      if (reason === null) yield* directory(below, ignored, root);
      else yield found({ ignored: { place: `${below}/`, why: reason } });
    } else yield* entry(below, seen, ignored, root);
  }
}

function* entry(path: string, seen: { isFile(): boolean }, ignored: Ignored, root: string): Generator<Found> {
  // Links are looked at where they lead; sockets, pipes and devices hold nothing.
  if (!seen.isFile()) return;
  const reason = reasonFor(path, ignored, root);
  if (reason !== null) yield found({ ignored: { place: path, why: reason } });
  else yield found({ source: { place: path, read: () => chunksOf(path), again: true } });
}

async function namesIn(path: string): Promise<string[] | string> {
  try {
    const names: string[] = [];
    for await (const { name } of await opendir(path)) names.push(name);
    return names.sort();
  } catch (thrown) {
    return systemCode(thrown) ?? "unknown error";
  }
}

/** The library throws for what lies outside, where no pattern of the file can mean it. */
function reasonFor(path: string, ignored: Ignored, root: string): string | null {
  const below = relative(root, resolve(path));
  if (below === "" || below.startsWith("..")) return null;
  return ignored(below.split(sep).join("/") + (path.endsWith(sep) ? "/" : ""));
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(size + 1, CHUNK_BYTES)));
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Of the directory that the command stands in; nothing is ignored where there is none. */
export async function readIgnoreFile(root: string): Promise<Ignored> {
  const path = join(root, IGNORE_FILE);
  try {
    return parseIgnoreFile(await readFile(path, "utf8"), path);
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return () => null;
    if (thrown instanceof SidecryptError) throw thrown;
    throw new SidecryptError("config-invalid", `${path} cannot be read: ${systemCode(thrown) ?? "unknown error"}`);
  }
}

/** Whether two paths are one file: the key file itself is no leak of the key. */
export async function sameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((path) => realpath(path).catch(() => null)));
  return one !== null && one === other;
}
