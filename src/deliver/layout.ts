/**
 * The names inside a drop and what they point at (DESIGN.md, Inside a drop). Reads, never writes; and waits for nothing:
 * memory answers at once, and a thread's hop for each of a drop's dozen calls was most of a look at fifty drops. Names are
 * joined as text, since path.join goes through them one character after the other.
 *
 * Invariant: a generation is complete if and only if `..data` or `..previous` points at it. A directory that neither
 * points at is what a killed run left, however whole it looks.
 */
import { lstatSync, readlinkSync } from "node:fs";
import { SidecryptError, systemCode } from "../errors.ts";
import type { Generation } from "../types.ts";

export interface Drop {
  readonly volume: string;
  /** Where the sidecar has it. */
  readonly path: string;
}

/** Names of generation directories. */
export interface Layout {
  readonly current: string | null;
  readonly previous: string | null;
}

export const DATA = "..data";
export const PREVIOUS = "..previous";
export const SEEN = "..seen";
/** A script beside the generations (with-secrets.ts). */
export const SCRIPT = "with-secrets";
/** On the way back, while a command needs both: points at the failed generation, as `..previous` then does. */
export const FAILED = "..failed";
const GENERATION_PREFIX = "..gen-";
const LONGEST_NAME = 255;

export const ID = /^[0-9a-f]{8,64}$/;
/** The number tells a repaired directory from the damaged one that has the id already. */
const GENERATION_DIRECTORY = /^\.\.gen-([0-9a-f]{8,64})(?:\.[0-9]+)?$/;

/** A `..previous` that is the failed generation is nothing to go back to. */
export function readLayout(path: string): Layout {
  const current = generationBehind(path, DATA);
  const previous = generationBehind(path, PREVIOUS);
  const isFailed = previous !== null && previous !== current && linkTarget(`${path}/${FAILED}`) === previous;
  return { current, previous: isFailed ? null : previous };
}

/** The generation directory that a link points at; null: no link, not a link, a foreign target, or a dangling one. */
function generationBehind(path: string, link: string): string | null {
  const target = linkTarget(`${path}/${link}`);
  if (target === null || !GENERATION_DIRECTORY.test(target)) return null;
  const stat = lstatSync(`${path}/${target}`, { throwIfNoEntry: false });
  return stat?.isDirectory() === true ? target : null;
}

/** Null: not there, or not a link. */
export function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "EINVAL") return null;
    throw error;
  }
}

export async function ifThere<T>(pending: Promise<T>): Promise<T | null> {
  try {
    return await pending;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

export function idOf(directory: string): string {
  return GENERATION_DIRECTORY.exec(directory)?.[1] ?? "";
}

/** A directory name for the id that nothing complete stands under. */
export function freeDirectory(id: string, layout: Layout): string {
  const plain = GENERATION_PREFIX + id;
  let name = plain;
  for (let n = 2; name === layout.current || name === layout.previous; n++) name = `${plain}.${n}`;
  return name;
}

export function idsOn(layout: Layout): Set<string> {
  return new Set([layout.current, layout.previous].filter((directory) => directory !== null).map(idOf));
}

/** The checks of the kubelet's validatePayload: what a file name must not be when a program joins it to a path. */
export function checkGeneration(generation: Generation): void {
  if (!ID.test(generation.id)) {
    throw new SidecryptError("internal", `"${generation.id}" is not a generation id`);
  }
  for (const name of generation.files.keys()) {
    const long = Buffer.byteLength(name) > LONGEST_NAME;
    // ".." begins our own names; "." is the directory itself.
    if (name === "" || name === "." || name.startsWith("..") || name.includes("/") || name.includes("\0") || long) {
      throw new SidecryptError(
        "not-supported",
        `"${name.slice(0, LONGEST_NAME)}" on volume ${generation.volume} cannot be a file's name`,
        "rename the secret: no slash, no leading two dots, at most 255 bytes",
      );
    }
  }
}
