/** Does a drop have the options of its volume's definition? Pure, but for the reader at the end. */
import { readFile, stat } from "node:fs/promises";
import type { Fault } from "../types.ts";
import { octal, optionsHint } from "./faults.ts";
import type { Drop } from "./layout.ts";
import { mountAt, parseMountinfo } from "../mountinfo.ts";
import type { Mount } from "../mountinfo.ts";

/** `Options` of `docker volume inspect`. */
export type VolumeOptions = Readonly<Record<string, string>> | null;

export interface SeenMount {
  /** Null: nothing is mounted there. */
  readonly mount: Mount | null;
  /** The directory's own permission bits: an image's copy-up changes them behind the mount (tmpfs-and-leaks.md §2.5). */
  readonly mode: number;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
/** The kernel rounds up to a page; the largest there is. */
const LARGEST_PAGE = 65_536;
/** What tmpfs(5) takes where an option is not given, and leaves out of mountinfo. */
const DEFAULTS: Readonly<Record<string, string>> = { mode: "1777", uid: "0", gid: "0" };

export function optionsFault(volume: string, options: VolumeOptions, { mount, mode }: SeenMount): Fault | null {
  const type = options?.["type"] ?? "none";
  const defined = parseOptions((options?.["o"] ?? "").split(","));
  // A bind of a memory-backed directory defines nothing to compare with; that it is memory is checked at every write.
  if (defined.has("bind") || defined.has("rbind")) return null;
  if (type !== "tmpfs" && type !== "ramfs") {
    return mismatch(volume, "it is not defined with driver_opts type tmpfs");
  }
  if (mount === null) return mismatch(volume, "it is not mounted in the sidecar");
  if (mount.type !== type) return mismatch(volume, `it is defined as ${type} and mounted as ${mount.type}`);
  // ramfs takes mode alone and ignores the rest (§2.1).
  if (type === "ramfs") return null;
  const mounted = parseOptions(mount.options);
  const differs = ["size", "mode", "uid", "gid"].find((name) => !same(name, defined.get(name), mounted.get(name)));
  if (differs !== undefined) {
    const [want, have] = [defined.get(differs), mounted.get(differs)].map((text) => text ?? "the default");
    return mismatch(volume, `it is defined with ${differs} ${want} and mounted with ${have}`);
  }
  const given = Number.parseInt(mounted.get("mode") ?? "1777", 8);
  if ((mode & 0o7777) !== given) {
    return mismatch(
      volume,
      `its directory has mode ${octal(mode)} instead of ${octal(given)}: an image's own /run/secrets was copied over it ` +
        `(mount it with ":ro,nocopy")`,
    );
  }
  return null;
}

/** Every mount of the sidecar: the same file for all its drops. */
export async function readMounts(): Promise<readonly Mount[]> {
  return parseMountinfo(await readFile("/proc/self/mountinfo", "utf8"));
}

export async function seenMount(drop: Drop, mounts: readonly Mount[]): Promise<SeenMount> {
  return { mount: mountAt(mounts, drop.path), mode: (await stat(drop.path)).mode & 0o7777 };
}

function mismatch(volume: string, saw: string): Fault {
  return {
    code: "drop-mismatch",
    subject: volume,
    message: `volume ${volume} does not have the options of its definition: ${saw}`,
    hint: optionsHint(volume, null),
  };
}

/** As mount(8) reads them: the last of several counts. */
export function parseOptions(options: readonly string[]): Map<string, string> {
  return new Map(
    options.map((option): [string, string] => {
      const [name = "", value = ""] = option.trim().split("=", 2);
      return [name, value];
    }),
  );
}

function same(name: string, want: string | undefined, have: string | undefined): boolean {
  if (name === "size") return want === undefined || have === undefined || sameSize(want, have);
  const radix = name === "mode" ? 8 : 10;
  const [left, right] = [want, have].map((text) => Number.parseInt(text ?? DEFAULTS[name] ?? "", radix));
  return left === right;
}

/** A size in percent depends on the machine: nothing to compare. */
function sameSize(want: string, have: string): boolean {
  const [left, right] = [bytesOf(want), bytesOf(have)];
  if (left === null || right === null) return true;
  return Math.ceil(left / LARGEST_PAGE) === Math.ceil(right / LARGEST_PAGE);
}

function bytesOf(text: string): number | null {
  const match = /^([0-9]+)([kmg]?)$/i.exec(text);
  if (match === null) return null;
  return Number(match[1]) * (UNITS[(match[2] ?? "").toLowerCase()] ?? 1);
}
