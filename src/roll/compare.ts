/**
 * The candidate against the old container, before the old one is touched: any difference that was not meant aborts the
 * roll. Answers with paths only; the values of a configuration may be anybody's secrets. Pure.
 */
import type { Inspected, Json } from "../docker/port.ts";
import { shortId } from "./journal.ts";
import { aliasesOf } from "./networks.ts";
import { isEmpty } from "./json.ts";
import { withoutJournal } from "./spec.ts";

/** Paths such as `HostConfig.Memory` at which the two differ; empty: a faithful copy. */
export function differences(old: Inspected, candidate: Inspected): string[] {
  return [
    ...diff(comparableConfig(old), comparableConfig(candidate), "Config"),
    ...diff(comparableHost(old), comparableHost(candidate), "HostConfig"),
    ...diff(comparableMounts(old), comparableMounts(candidate), "Mounts"),
    ...diff(comparableNetworks(old), comparableNetworks(candidate), "Networks"),
    ...(old.image === candidate.image ? [] : ["Image"]),
  ];
}

function comparableConfig(container: Inspected): Json {
  const { Hostname, ...config } = container.config;
  const own = Hostname === shortId(container.id) ? null : Hostname;
  // The reference may have become an id (H12), checked by Image; the address belongs to the endpoint (H30).
  return { ...config, Hostname: own, Image: null, MacAddress: null, Labels: withoutJournal(container.labels) };
}

/** Carried volumes are appended to Mounts (H18): the effective mounts are compared instead. */
function comparableHost(container: Inspected): Json {
  return { ...container.hostConfig, Mounts: null };
}

function comparableMounts(container: Inspected): Json {
  const rows = container.mounts.map((m) => [m.destination, [m.type, m.name, m.source, m.writable]] as const);
  return Object.fromEntries(rows);
}

function comparableNetworks(container: Inspected): Json {
  const rows = Object.entries(container.networks).map(([name, settings]) => {
    const aliases = aliasesOf(settings, container.id).toSorted();
    return [name, { aliases, IPAMConfig: settings["IPAMConfig"], Links: settings["Links"] }] as const;
  });
  return Object.fromEntries(rows);
}

function diff(left: unknown, right: unknown, path: string): string[] {
  if (isEmpty(left) && isEmpty(right)) return [];
  if (!isObject(left) || !isObject(right)) return Object.is(left, right) ? [] : [path];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return keys.flatMap((key) => diff(left[key], right[key], `${path}.${key}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
