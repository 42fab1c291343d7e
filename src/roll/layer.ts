/**
 * What lives in a container's writable layer alone, and so not in a copy of the container (H17): files that Compose put
 * there, which are carried over, and files of the bot's own, which are named as lost.
 */
import { SidecryptError } from "../errors.ts";
import type { ChangedPath, DockerPort, Inspected, PathStat } from "../docker/port.ts";
import { tmpfsTargets } from "./mounts.ts";
import { readFileFromTar, tarOf } from "../docker/tar.ts";

/** Written by anything and missed by nobody. */
const TRANSIENT = ["/tmp", "/var/tmp", "/run", "/var/run", "/var/log", "/var/cache", "/root/.cache", "/dev"];
/** What `init: true` is mounted on: made by the engine. */
const ENGINES = ["/sbin/docker-init", "/usr/sbin/docker-init"];

/** Paths that are looked at one by one; beyond it what was added is taken for the bot's own. */
const MOST_LOOKED_AT = 500;
/** Looks at once: each mounts the container's root for the engine. */
const AT_ONCE = 8;
/** Bytes; Compose's own files are parts of a YAML file or variables. */
const LARGEST_CARRIED = 8 * 1024 * 1024;
/** Milliseconds that a time in whole seconds, by Compose's rounding, may lie outside of what it belongs to. */
const ROUNDING = 2_000;

export interface Layer {
  /** Put there by Compose, or carried by a roll before. */
  readonly injected: readonly string[];
  /** Everything else worth a word. */
  readonly lost: readonly string[];
}

export async function readLayer(docker: DockerPort, container: Inspected): Promise<Layer> {
  const leaves = leavesOf(await docker.changes(container.id), container);
  const looked = leaves.slice(0, MOST_LOOKED_AT);
  const injected: string[] = [];
  const lost = leaves.slice(MOST_LOOKED_AT).filter((one) => one.kind === "added" && !isTransient(one.path));
  const look = async (leaf: ChangedPath): Promise<void> => {
    const stat = await docker.statPath(container.id, leaf.path);
    if (stat?.isFile !== true) return;
    if (isInjected(stat, container)) injected.push(leaf.path);
    else if (!isTransient(leaf.path)) lost.push(leaf);
  };
  for (let at = 0; at < looked.length; at += AT_ONCE) await Promise.all(looked.slice(at, at + AT_ONCE).map(look));
  return { injected: injected.toSorted(), lost: lost.map((one) => one.path).toSorted() };
}

/** Changed paths with nothing changed below them and no mount above; what is most telling first. */
export function leavesOf(changes: readonly ChangedPath[], container: Inspected): ChangedPath[] {
  const hidden = [...ENGINES, ...container.mounts.map((mount) => mount.destination), ...tmpfsTargets(container)];
  const parents = new Set(changes.map(({ path }) => path.slice(0, path.lastIndexOf("/"))));
  const leaves = changes.filter(
    ({ path, kind }) => kind !== "deleted" && !parents.has(path) && !hidden.some((root) => isUnder(path, root)),
  );
  const depth = ({ path }: ChangedPath): number => (isTransient(path) ? 1_000 : 0) + path.split("/").length;
  return leaves.toSorted((a, b) => depth(a) - depth(b));
}

const isUnder = (path: string, root: string): boolean => path === root || path.startsWith(`${root}/`);
const isTransient = (path: string): boolean => TRANSIENT.some((root) => isUnder(path, root));

/**
 * Tells a file that was put into the container before it ran from one that the bot wrote.
 *
 * Compose writes `configs.content`, `configs.environment` and `secrets.environment` through the archive call, after the
 * create and right before a start, with the time of that moment in whole seconds: a tar header holds no more. A process
 * that writes a file leaves a time with a fraction (its chance to hit a whole second is one in 250 at the worst, a
 * kernel tick). So injected is what has a time in whole seconds, between the container's creation and its last start;
 * the last, not the first, which no answer of the engine holds, and before which a restart by hand would hide it.
 *
 * What has an old time in whole seconds (unpacked by a package manager) falls before the creation, what was unpacked
 * lately after the start. A bot that sets such a time itself, on a fresh file, before a restart, has that file carried:
 * the log names what is carried, so this is never silent. An injected file that the bot has written to since is no
 * longer told from its own, and named as lost. A clock of Compose that is off by seconds (a remote context) makes an
 * injected file look like the bot's: it is named as lost too, never dropped in silence.
 *
 * A file that a roll carries gets the time of that moment in whole seconds (`carry`), and is found again by the next.
 */
export function isInjected(stat: PathStat, container: Pick<Inspected, "created" | "startedAt">): boolean {
  if (!/T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/.test(stat.modified) || stat.size > LARGEST_CARRIED) return false;
  const time = Date.parse(stat.modified);
  const started = container.startedAt === null ? Infinity : Date.parse(container.startedAt);
  return time >= Date.parse(container.created) - ROUNDING && time <= started + ROUNDING;
}

export interface Carried {
  readonly from: Inspected;
  readonly to: string;
  readonly paths: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Byte for byte, with owner, mode and extended attributes; the directories above are made as Compose made them. */
export async function carry(docker: DockerPort, { from, to, paths, now }: Carried): Promise<void> {
  for (const path of paths) {
    const found = await docker.readArchive(from.id, path);
    const file = found === null ? null : readFileFromTar(found.tar);
    // Gone or changed since it was looked at: it is no longer what Compose put there.
    if (found === null || file === null || !isInjected(found.stat, from)) throw changed(from, path);
    await docker.writeArchive(to, tarOf(path, file, Math.floor(now / 1_000)));
    const written = await docker.statPath(to, path);
    if (written?.size !== found.stat.size || written.mode !== found.stat.mode) throw changed(from, path);
  }
}

function changed(container: Inspected, path: string): SidecryptError {
  return new SidecryptError(
    "roll-unfaithful",
    `${path}, which Compose put into container ${container.name}, could not be carried over: nothing was touched`,
    "set the label sidecrypt.on-change: restart on its service",
  );
}
