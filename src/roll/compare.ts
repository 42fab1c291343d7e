/**
 * The candidate against the old container, before the old one is touched: any difference that was not meant aborts the
 * roll. Answers with paths only; the values of a configuration may be anybody's secrets. Pure.
 */
import type { Inspected, Json } from "../docker/port.ts";
import { hostOf, withoutGenerated } from "./host.ts";
import { shortId } from "./journal.ts";
import { asList, isEmpty } from "./json.ts";
import { configuredEndpoints, minorOf, networkMode, sharesNamespace } from "./networks.ts";
import type { Replaced } from "./spaces.ts";
import { hasHostsName, withoutJournal } from "./spec.ts";

/**
 * Paths such as `HostConfig.Memory` at which the two differ; empty: a faithful copy.
 *
 * @param replaced containers that were replaced before: sharing with the successor is no difference
 */
export function differences(old: Inspected, candidate: Inspected, apiVersion: string, replaced: Replaced): string[] {
  const sides = [
    { one: old, replaced },
    { one: candidate, replaced: new Map() },
  ].map(({ one, replaced: rewritten }) => ({
    Config: comparableConfig(one, apiVersion),
    HostConfig: comparableHost(one, apiVersion, rewritten),
    Mounts: comparableMounts(one),
    Networks: comparableNetworks(one, apiVersion),
    Image: one.image,
  }));
  return diff(sides[0], sides[1], "").map((path) => path.slice(1));
}

function comparableConfig(container: Inspected, apiVersion: string): Json {
  const { Hostname, MacAddress, ...config } = container.config;
  const isGiven = Hostname === shortId(container.id) || sharesNamespace(container) || hasHostsName(container);
  return {
    ...config,
    Hostname: isGiven ? null : Hostname,
    // The reference may have become an id (H12), checked by Image.
    Image: null,
    // From 1.44 on it belongs to the endpoint, and is compared there (H30).
    MacAddress: minorOf(apiVersion) < 44 ? MacAddress : null,
    Labels: withoutJournal(container.labels),
  };
}

function comparableHost(container: Inspected, apiVersion: string, replaced: Replaced): Json {
  const host = hostOf(container, apiVersion, replaced);
  const sharing = ["PidMode", "IpcMode"].some((key) => String(host[key]).startsWith("container:"));
  return {
    ...host,
    // Carried volumes are appended (H18): the effective mounts are compared instead.
    Mounts: null,
    NetworkMode: networkMode(container) === "default" ? "bridge" : host["NetworkMode"],
    Links: asList(host["Links"]).map(linkOf).toSorted(),
    ...(sharing ? { SecurityOpt: withoutGenerated(host) } : {}),
  };
}

/** Inspect shows a link as `/db:/web/db`: under the name of the container that has it (H27). */
function linkOf(link: string): string {
  const [target = "", alias = ""] = link.split(":");
  return `${target}:${alias.slice(alias.lastIndexOf("/") + 1)}`;
}

function comparableMounts(container: Inspected): Json {
  const rows = container.mounts.map((m) => [m.destination, [m.type, m.name, m.source, m.writable]] as const);
  return Object.fromEntries(rows);
}

function comparableNetworks(container: Inspected, apiVersion: string): Json {
  if (sharesNamespace(container)) return {};
  const rows = configuredEndpoints(container, apiVersion).map(({ network, endpoint }) => {
    return [network, { ...endpoint, Aliases: asList(endpoint["Aliases"]).toSorted() }] as const;
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
