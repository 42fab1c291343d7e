/** Mounts of the candidate: the old container's own, and the volumes that only inspect's Mounts names (H18-H20). Pure. */
import { posix } from "node:path";
import type { Inspected, Json, Mount } from "../docker/port.ts";
import { asList, asRecords, isEmpty } from "./json.ts";

/** Inspect's destinations are clean; what somebody wrote in a bind may not be. */
const clean = (path: string): string => posix.normalize(path).replace(/(.)\/$/, "$1");

/**
 * Image VOLUMEs and source-less volumes stand only in inspect's Mounts; a verbatim copy would get fresh, empty ones
 * (H18). Binds and Mounts pass through, carried volumes are appended (H19), but not those that another container gives
 * through VolumesFrom: decided mount by mount, since such a container may have volumes of its own too.
 *
 * @param sources the containers of VolumesFrom
 */
export function mountsOf(old: Inspected, sources: readonly Inspected[]): Json[] {
  const given = asRecords(old.hostConfig["Mounts"]).map((mount) => nameAnonymous(withoutForeign(mount), old));
  const targets = new Set([...given.map((m) => clean(String(m["Target"]))), ...bindTargets(old), ...tmpfsTargets(old)]);
  const carried = old.mounts
    .filter((mount) => mount.type === "volume" && !targets.has(mount.destination))
    .filter((mount) => !sources.some((source) => gives(source, mount)))
    .map((mount) => ({ Type: "volume", Source: mount.name, Target: mount.destination, ReadOnly: !mount.writable }));
  return [...given, ...carried];
}

function gives(source: Inspected, { destination, name }: Mount): boolean {
  return source.mounts.some((mount) => mount.destination === destination && mount.name === name);
}

/** Options of another type than the mount's are refused from API 1.42 on (H24). */
export function withoutForeign(mount: Json): Json {
  const own: Readonly<Record<string, string>> = { bind: "Bind", volume: "Volume", tmpfs: "Tmpfs", image: "Image" };
  const kept = `${own[String(mount["Type"])] ?? ""}Options`;
  return Object.fromEntries(Object.entries(mount).filter(([key]) => !key.endsWith("Options") || key === kept));
}

function nameAnonymous(mount: Json, old: Inspected): Json {
  if (mount["Type"] !== "volume" || !isEmpty(mount["Source"])) return mount;
  const target = clean(String(mount["Target"]));
  const actual = old.mounts.find((m) => m.type === "volume" && m.destination === target);
  return actual === undefined ? mount : { ...mount, Source: actual.name };
}

function bindTargets(old: Inspected): string[] {
  return asList(old.hostConfig["Binds"]).map((bind) => clean(bind.split(":")[1] ?? ""));
}

export function tmpfsTargets(container: Pick<Inspected, "hostConfig">): string[] {
  const tmpfs = container.hostConfig["Tmpfs"];
  return typeof tmpfs === "object" && tmpfs !== null ? Object.keys(tmpfs).map(clean) : [];
}
