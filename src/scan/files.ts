/** Files and directories → sources. Links are not followed: what they name is looked at where it lies. */
import { closeSync, constants, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { SidecryptError, systemCode } from "../errors.ts";
import { IGNORE_FILE, parseIgnoreFile, type Ignored } from "./allowance.ts";
import { WHOLE_BYTES } from "./look.ts";
import type { NotChecked, Source } from "./types.ts";

const CHUNK_BYTES = 2 ** 18;
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
export function* filesBelow(path: string, ignored: Ignored, root: string): Generator<Found> {
  const seen = orCode(() => lstatSync(path));
  const below = relative(root, resolve(path));
  if (seen === "ENOENT") throw new SidecryptError("usage", `there is no ${path}`, "sidecrypt scan --help");
  if (typeof seen === "string") yield found({ notChecked: { place: path, why: `cannot be read: ${seen}` } });
  else if (seen.isDirectory()) yield* directory(path, below, ignored);
  else yield* entry(path, below, seen, ignored);
}

/** `below`: the same from where the ignore file stands; where that lies outside, no pattern of the file can mean it. */
function* directory(path: string, below: string, ignored: Ignored): Generator<Found> {
  const entries = orCode(() => readdirSync(path, { withFileTypes: true }));
  // Gone since it was listed: there is nothing to look at.
  if (entries === "ENOENT") return;
  if (typeof entries === "string") {
    yield found({ notChecked: { place: path, why: `the directory cannot be read: ${entries}` } });
    return;
  }
  for (const one of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (one.name === SKIPPED) continue;
    const [inPath, inBelow] = [join(path, one.name), join(below, one.name)];
    if (!one.isDirectory()) {
      yield* entry(inPath, inBelow, one, ignored);
      continue;
    }
    const reason = reasonFor(`${inBelow}/`, ignored);
    if (reason === null) yield* directory(inPath, inBelow, ignored);
    else yield found({ ignored: { place: `${inPath}/`, why: reason } });
  }
}

function* entry(path: string, below: string, seen: { isFile(): boolean }, ignored: Ignored): Generator<Found> {
  // Links are looked at where they lead; sockets, pipes and devices hold nothing.
  if (!seen.isFile()) return;
  const reason = reasonFor(below, ignored);
  if (reason !== null) yield found({ ignored: { place: path, why: reason } });
  else yield found({ source: { place: path, whole: () => wholeOf(path), read: () => chunksOf(path), again: true } });
}

function orCode<T>(ask: () => T): T | string {
  try {
    return ask();
  } catch (thrown) {
    return systemCode(thrown) ?? "unknown error";
  }
}

function reasonFor(below: string, ignored: Ignored): string | null {
  return below === "" || below.startsWith("..") ? null : ignored(below);
}

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** One for all files, and so large that it is never filled by one that is searched as a whole. */
let shared: Buffer | null = null;

/** To wait for each of ten thousand small files costs more than to search them. Null: it is larger. */
function wholeOf(path: string): Uint8Array | null {
  shared ??= Buffer.allocUnsafe(WHOLE_BYTES + 1);
  const file = openSync(path, FLAGS);
  try {
    for (let filled = 0; filled < shared.length;) {
      const bytes = readSync(file, shared, filled, shared.length - filled, null);
      if (bytes === 0) return shared.subarray(0, filled);
      filled += bytes;
    }
    return null;
  } finally {
    closeSync(file);
  }
}

function* chunksOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, FLAGS);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let bytes: number; (bytes = readSync(file, buffer, 0, buffer.length, null)) > 0;) {
      yield buffer.subarray(0, bytes);
    }
  } finally {
    closeSync(file);
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

/** The place that a file has where `path` is looked through; null: it does not lie there. No link is followed below. */
export async function placeBelow(path: string, file: string): Promise<string | null> {
  const [top, real] = await Promise.all([path, file].map((one) => realpath(one).catch(() => null)));
  if (top === undefined || top === null || real === undefined || real === null) return null;
  if (real === top) return path;
  const below = relative(top, real);
  return below.startsWith("..") ? null : join(path, below);
}
