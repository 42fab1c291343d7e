/** Files and directories → sources. Links below a directory are not followed: what they name is looked at where it lies. */
import {
  closeSync,
  constants,
  createReadStream,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  type Stats,
} from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { SidecryptError, systemCode } from "../errors.ts";
import { IGNORE_FILE, parseIgnoreFile, type Ignored } from "./allowance.ts";
import { WHOLE_BYTES } from "./layer.ts";
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
  // Whoever names a link means what it leads to.
  const seen = orCode(() => statSync(path));
  const below = relative(root, resolve(path));
  if (typeof seen === "string") yield found({ notChecked: { place: path, why: whyNotSeen(path, seen) } });
  else if (seen.isDirectory()) yield* directory(path, below, ignored);
  else yield operand(path, below, seen, ignored);
}

function whyNotSeen(path: string, code: string): string {
  if (code !== "ENOENT") return `cannot be read: ${code}`;
  if (typeof orCode(() => lstatSync(path)) !== "string") return "a link that leads nowhere";
  throw new SidecryptError("usage", `there is no ${path}`, "sidecrypt scan --help");
}

/** Named by itself, so that it is looked at, or told of. */
function operand(path: string, below: string, seen: Stats, ignored: Ignored): Found {
  const reason = reasonFor(below, ignored);
  if (reason !== null) return found({ ignored: { place: path, why: reason } });
  if (seen.isFile()) return found({ source: fileAt(path, FOLLOWED) });
  if (seen.isFIFO() || seen.isCharacterDevice()) return found({ source: pipeAt(path) });
  return found({ notChecked: { place: path, why: "neither a file, a directory nor a pipe" } });
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
  yield found(reason === null ? { source: fileAt(path, LISTED) } : { ignored: { place: path, why: reason } });
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

const FOLLOWED = constants.O_RDONLY | constants.O_NONBLOCK;
/** It may have become a link since its directory was listed. */
const LISTED = FOLLOWED | constants.O_NOFOLLOW;

const fileAt = (path: string, flags: number): Source => ({
  place: path,
  whole: () => wholeOf(path, flags),
  read: () => chunksOf(path, flags),
  again: true,
});

/** Whoever writes to it may take their time: nothing else waits for it meanwhile. */
const pipeAt = (path: string): Source => ({
  place: path,
  read: () => createReadStream(path, { highWaterMark: CHUNK_BYTES }),
  again: false,
});

/** One for all files, and so large that it is never filled by one that is searched as a whole. */
let shared: Buffer | null = null;

/** To wait for each of ten thousand small files costs more than to search them. Null: it is larger. */
function wholeOf(path: string, flags: number): Uint8Array | null {
  shared ??= Buffer.allocUnsafe(WHOLE_BYTES + 1);
  const file = openSync(path, flags);
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

function* chunksOf(path: string, flags: number): Generator<Uint8Array> {
  const file = openSync(path, flags);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let bytes: number; (bytes = readSync(file, buffer, 0, buffer.length, null)) > 0;) {
      yield buffer.subarray(0, bytes);
    }
  } finally {
    closeSync(file);
  }
}

/** Of a directory; nothing is ignored where there is none. */
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
