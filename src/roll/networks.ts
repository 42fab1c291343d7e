/** Endpoint settings for the candidate: what the user configured, nothing that the daemon assigned (H28-H32). Pure. */
import type { Inspected, Json } from "../docker/port.ts";
import { asRecord, isEmpty } from "./json.ts";
import { shortId } from "./journal.ts";

/** Aliases, IPAM settings and links are rejected on these (H4). */
const PREDEFINED = new Set(["bridge", "default", "host", "none"]);

export const minorOf = (apiVersion: string): number => Number(apiVersion.split(".")[1]);

/** It lives in another container's network namespace, which forbids network settings of its own (H35). */
export function sharesNamespace(container: Inspected): boolean {
  return networkMode(container).startsWith("container:");
}

export interface Endpoints {
  /** For create; null: none may be sent. */
  readonly endpoints: Json | null;
  /** To connect one by one before the start: API < 1.44 takes only one endpoint in create (H28). */
  readonly connect: readonly { readonly network: string; readonly endpoint: Json }[];
}

export function endpointsOf(old: Inspected, apiVersion: string): Endpoints {
  const mode = networkMode(old);
  if (sharesNamespace(old) || mode === "host" || mode === "none") return { endpoints: null, connect: [] };
  const primary = primaryNetwork(old, mode);
  const all = configuredEndpoints(old, apiVersion);
  if (minorOf(apiVersion) >= 44) {
    return { endpoints: Object.fromEntries(all.map((one) => [one.network, one.endpoint])), connect: [] };
  }
  const first = all.find((one) => one.network === primary);
  return {
    endpoints: first === undefined ? null : { [first.network]: first.endpoint },
    connect: all.filter((one) => one.network !== primary),
  };
}

/** By name: the ids of networks and endpoints, and what was assigned, are another container's or gone (H32). */
export function configuredEndpoints(container: Inspected, apiVersion: string): Endpoints["connect"] {
  const primary = primaryNetwork(container, networkMode(container));
  return Object.entries(container.networks).map(([network, settings]) => ({
    network,
    endpoint: endpointOf(network, settings, container, apiVersion, network === primary),
  }));
}

export function networkMode(container: Inspected): string {
  const mode = container.hostConfig["NetworkMode"];
  return typeof mode === "string" && mode !== "" ? mode : "default";
}

/** The key must match NetworkMode as a name; old containers may hold the network's id there. */
export function primaryNetwork(old: Inspected, mode: string): string {
  if (mode === "default") return "bridge";
  if (mode in old.networks) return mode;
  const byId = Object.entries(old.networks).find(([, settings]) => settings["NetworkID"] === mode);
  return byId?.[0] ?? mode;
}

function endpointOf(network: string, settings: Json, old: Inspected, apiVersion: string, isPrimary: boolean): Json {
  const kept: Record<string, unknown> = {};
  const keep = (key: string, value: unknown): void => {
    if (!isEmpty(value)) kept[key] = value;
  };
  keep("DriverOpts", { ...asRecord(settings["DriverOpts"]), ...(isPrimary ? interfaceSysctls(old, apiVersion) : {}) });
  if (minorOf(apiVersion) >= 48) keep("GwPriority", settings["GwPriority"]);
  if (isPrimary && minorOf(apiVersion) >= 44) keep("MacAddress", old.config["MacAddress"]);
  if (PREDEFINED.has(network)) return kept;
  keep("IPAMConfig", settings["IPAMConfig"]);
  keep("Links", settings["Links"]);
  keep("Aliases", aliasesOf(settings, old.id));
  return kept;
}

/** Older engines add the short id to the aliases (H2): exactly that is dropped, never a prefix of it (H3). */
export function aliasesOf(settings: Json, containerId: string): string[] {
  const aliases = settings["Aliases"];
  if (!Array.isArray(aliases)) return [];
  return [...new Set(aliases.map(String))].filter((alias) => alias !== shortId(containerId));
}

const ENDPOINT_SYSCTLS = "com.docker.network.endpoint.sysctls";

/**
 * Sysctls of an interface stood among the container's own; from API 1.48 on they are refused there, and belong to the
 * endpoint, which has no interface name yet (H25). Only the first interface is known to be the primary network's.
 */
export function splitSysctls(host: Json, apiVersion: string): { container: Json; first: Json; others: string[] } {
  const all = Object.entries(asRecord(host["Sysctls"]));
  if (minorOf(apiVersion) < 48) return { container: Object.fromEntries(all), first: {}, others: [] };
  const named = (pattern: RegExp) => all.filter(([key]) => pattern.test(key));
  const ofInterface = named(/^net\.[^.]+\.[^.]+\.eth\d+\./).map(([key]) => key);
  return {
    container: Object.fromEntries(all.filter(([key]) => !ofInterface.includes(key))),
    first: Object.fromEntries(named(/^net\.[^.]+\.[^.]+\.eth0\./)),
    others: ofInterface.filter((key) => !key.includes(".eth0.")),
  };
}

function interfaceSysctls(old: Inspected, apiVersion: string): Json {
  const moved = Object.entries(splitSysctls(old.hostConfig, apiVersion).first);
  if (moved.length === 0) return {};
  const rows = moved.map(([key, value]) => `${key.replace(".eth0.", ".IFNAME.")}=${String(value)}`);
  return { [ENDPOINT_SYSCTLS]: rows.join(",") };
}
