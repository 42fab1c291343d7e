/**
 * The engine's socket under another name: `mount --bind` on the host, a link, or a directory that holds it. The name of
 * a bind says nothing then; its inode is shown by no answer, but kind, mode and time of a path in a container are.
 */
import { posix } from "node:path";
import type { DockerPort, Inspected, PathStat } from "../docker/port.ts";
import { toSidecryptError } from "../errors.ts";
import { isBroad, isEngineSocket } from "./broad.ts";
import { listOf } from "./lists.ts";
import type { Sightings } from "./sightings.ts";

/** Containers that are asked at once. */
const AT_ONCE = 4;

export interface SocketLook {
  readonly docker: Pick<DockerPort, "statPath">;
  readonly dockerRoot: string;
  readonly into: Pick<Sightings, "gap" | "limit">;
}

export interface SeenSockets {
  /** On the host, as the sidecar mounts them. */
  readonly sources: readonly string[];
  /** By the container's id: paths in it. */
  readonly seen: ReadonlyMap<string, readonly string[]>;
}

type Asked = Pick<Inspected, "id" | "name" | "mounts">;

/** Those of the project and those beside it, without the sidecar. */
export interface Neighbours {
  readonly ours: readonly Asked[];
  readonly others: readonly Asked[];
}

/** @param sidecar whose own socket is the engine's; null: there is none to compare with */
export async function lookForSockets(
  look: SocketLook,
  sidecar: Asked | null,
  { ours, others }: Neighbours,
): Promise<SeenSockets> {
  const own = sidecar === null ? [] : await socketsOf(look, sidecar);
  const sources = own.map(({ source }) => source);
  const names = new Set(["docker.sock", ...sources.map((source) => posix.basename(source))]);
  const seen = new Map<string, readonly string[]>();
  const lookAt = async (one: Asked): Promise<void> => {
    try {
      seen.set(one.id, await engineIn(look, one, own, names));
    } catch (thrown) {
      const said = [one.name, "sockets among its mounts", toSidecryptError(thrown).message] as const;
      // What is another project's to mend would leave this one incomplete for ever.
      if (ours.includes(one)) look.into.gap(...said);
      else look.into.limit(...said);
    }
  };
  const all = [...ours, ...others];
  for (let at = 0; at < all.length; at += AT_ONCE) await Promise.all(all.slice(at, at + AT_ONCE).map(lookAt));
  return { sources, seen };
}

interface Socket {
  readonly source: string;
  readonly stat: PathStat;
}

async function socketsOf({ docker }: SocketLook, { id, mounts }: Asked): Promise<Socket[]> {
  const found = mounts.map(async ({ type, source, destination }) => {
    const stat = type === "bind" ? await docker.statPath(id, destination).catch(() => null) : null;
    return stat?.isSocket === true ? [{ source, stat }] : [];
  });
  return (await Promise.all(found)).flat();
}

/** Paths in the container. A socket that is another one is named: what listens behind it, nobody sees from here. */
async function engineIn(
  look: SocketLook,
  { id, name, mounts }: Asked,
  own: readonly Socket[],
  names: ReadonlySet<string>,
): Promise<string[]> {
  const [found, others]: [string[], string[]] = [[], []];
  for (const mount of mounts.filter((one) => !isTold(one, look.dockerRoot))) {
    for (const [path, socket] of await socketsAt(look.docker, id, mount.destination, names)) {
      (own.some(({ stat }) => isSame(stat, socket)) ? found : others).push(path);
    }
  }
  if (others.length > 0) look.into.limit(name, `socket ${listOf(others)}`, "what listens behind it is not to be seen");
  return found;
}

/** By its source, or it is of a kind that holds nothing of the host's. */
function isTold({ type, source }: Asked["mounts"][number], dockerRoot: string): boolean {
  return type === "bind" ? isEngineSocket(source) || isBroad(source, dockerRoot) : type !== "volume";
}

/** The mount itself, or what in a directory has a name that an engine's socket has. */
async function socketsAt(
  docker: SocketLook["docker"],
  id: string,
  at: string,
  names: ReadonlySet<string>,
): Promise<(readonly [path: string, socket: PathStat])[]> {
  const mounted = await docker.statPath(id, at);
  if (mounted === null || mounted.isFile) return [];
  if (mounted.isSocket) return [[at, mounted]];
  const below = [...names].map(async (name) => {
    const path = posix.join(at, name);
    const stat = await docker.statPath(id, path);
    return stat?.isSocket === true ? [[path, stat] as const] : [];
  });
  return (await Promise.all(below)).flat();
}

/** Two that were made in one nanosecond are one. */
const isSame = (one: PathStat, other: PathStat): boolean => one.modified === other.modified && one.mode === other.mode;
