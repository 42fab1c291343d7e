/** Ways in which a container reads other containers' memory and drops (all tried: tmpfs-and-leaks.md §1, other consumers). Pure. */
import type { Json } from "../docker/port.ts";
import { hostPath, isBroad, isEngineSocket, leadsTo, sourcesIn } from "./broad.ts";
import { listOf } from "./lists.ts";
import { mountsOf } from "./stack.ts";

/** What is known of the host that containers share. */
export interface Host {
  /** Where the engine keeps its containers and volumes. */
  readonly dockerRoot: string;
  /** On the host, as the sidecar mounts them. */
  readonly engineSockets: readonly string[];
  /** `docker volume inspect` of every volume, by its name. */
  readonly volumes: ReadonlyMap<string, Json>;
  /** By the container's id: paths in it at which a look has found the engine's socket. */
  readonly seen: ReadonlyMap<string, readonly string[]>;
}

const CAPABILITIES = new Set(["ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF"]);

export const hostOf = (raw: Json): Json => (raw["HostConfig"] ?? {}) as Json;
export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

export function reachOf(raw: Json, host: Host): string[] {
  const config = hostOf(raw);
  const sources = sourcesOf(raw, host.volumes);
  const own = host.engineSockets.map(hostPath);
  const sockets = sources.filter((source) => isEngineSocket(source) || own.includes(hostPath(source)));
  const broad = sources.filter(
    (source) => isBroad(source, host.dockerRoot) || host.engineSockets.some((socket) => leadsTo(source, socket)),
  );
  const seen = host.seen.get(String(raw["Id"])) ?? [];
  const added = texts(config["CapAdd"]).map((name) => name.replace(/^CAP_/, ""));
  const capabilities = added.filter((name) => CAPABILITIES.has(name));
  return [
    ...(sockets.length > 0 ? ["has the engine's socket"] : []),
    ...(sockets.length === 0 && broad.length === 0 && seen.length > 0
      ? [`has the engine's socket, at ${listOf(seen)}`]
      : []),
    ...(config["Privileged"] === true ? ["is privileged"] : []),
    ...(config["PidMode"] === "host" ? ["sees the processes of the host (pid: host)"] : []),
    ...(broad.length > 0 ? [`mounts ${listOf(broad)} of the host`] : []),
    ...(capabilities.length > 0 ? [`has the capability ${listOf(capabilities)}`] : []),
  ];
}

/** Of its binds, and of its volumes as far as their options show a path. */
function sourcesOf(raw: Json, volumes: Host["volumes"]): string[] {
  const found = mountsOf(raw).flatMap((mount) => {
    if (mount["Type"] === "bind") return [String(mount["Source"])];
    const volume = volumes.get(String(mount["Name"]));
    return volume === undefined ? [] : sourcesIn(volume["Options"] as Json | null);
  });
  return [...new Set(found)];
}
