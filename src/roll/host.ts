/**
 * HostConfig as the engine takes it back. It accepts nearly all that inspect shows; what it rejects, or would read
 * otherwise, is treated here, and the comparison sees both containers through the same eyes. Pure.
 */
import type { Inspected, Json } from "../docker/port.ts";
import { asList, asRecord, asRecords, isEmpty } from "./json.ts";
import { withoutForeign } from "./mounts.ts";
import { minorOf, networkMode, primaryNetwork, sharesNamespace, splitSysctls } from "./networks.ts";
import { isRewritten, MODES, rewriteMode, rewriteVolumesFrom, type Replaced } from "./spaces.ts";

export function hostOf(old: Inspected, apiVersion: string, replaced: Replaced): Json {
  return [resources, portBindings, sysctlsOf(apiVersion), networkOf(old), spaces(replaced), forbidden(old)].reduce(
    (host, treat) => ({ ...host, ...treat(host) }),
    withoutRemoved(old.hostConfig, apiVersion),
  );
}

/**
 * Unknown to the API by now: the limit was dropped with the engine that knew it (H24). That of the buffers of TCP is
 * one that the engine still sets, up to the newest API that is spoken here.
 */
function withoutRemoved(host: Json, apiVersion: string): Json {
  const gone = ["Capabilities", ...(minorOf(apiVersion) >= 42 ? ["KernelMemory"] : [])];
  return Object.fromEntries(Object.entries(host).filter(([key]) => !gone.includes(key)));
}

/** Values that say nothing, and are refused, or that contradict another one, which wins (H24). */
function resources(host: Json): Json {
  const number = (key: string): number => (typeof host[key] === "number" ? host[key] : 0);
  const reset = (key: string, when: boolean, value: unknown): Json => (when && key in host ? { [key]: value } : {});
  return {
    ...reset("MemorySwappiness", number("MemorySwappiness") < 0, null),
    ...reset("MemorySwap", number("Memory") === 0 && number("MemorySwap") > 0, 0),
    ...reset("PidsLimit", number("PidsLimit") <= 0, null),
    ...reset("CpuPeriod", number("NanoCpus") > 0, 0),
    ...reset("CpuQuota", number("NanoCpus") > 0, 0),
    ...reset("Devices", !isEmpty(host["Devices"]), asRecords(host["Devices"]).map(withPermissions)),
    ...reset("Mounts", !isEmpty(host["Mounts"]), asRecords(host["Mounts"]).map(withoutForeign)),
  };
}

const withPermissions = (device: Json): Json =>
  isEmpty(device["CgroupPermissions"]) ? { ...device, CgroupPermissions: "rwm" } : device;

/**
 * An empty list means a port of the engine's choice today, and will mean none: said outright (H13). A key without a
 * port is refused.
 */
function portBindings(host: Json): Json {
  const bindings = host["PortBindings"];
  if (isEmpty(bindings)) return {};
  const valid = Object.entries(asRecord(bindings)).filter(([key]) => /^\d+(-\d+)?(\/\w+)?$/.test(key));
  const rows = valid.map(([key, value]) => [key, isEmpty(value) ? [ANY_PORT] : value] as const);
  return { PortBindings: Object.fromEntries(rows) };
}

const ANY_PORT = { HostIp: "", HostPort: "" };

/** Those of the first interface belong to its endpoint from API 1.48 on (H25). */
function sysctlsOf(apiVersion: string): (host: Json) => Json {
  return (host) => (isEmpty(host["Sysctls"]) ? {} : { Sysctls: splitSysctls(host, apiVersion).container });
}

/** A network may have another id by now, and its endpoint is keyed by the name (H28, H32). */
function networkOf(old: Inspected): (host: Json) => Json {
  return () => {
    const mode = networkMode(old);
    const byName = mode === "default" ? mode : primaryNetwork(old, mode);
    return byName === mode ? {} : { NetworkMode: byName };
  };
}

/** Those who share with a container that was replaced go over to its successor (H20, H34). */
function spaces(replaced: Replaced): (host: Json) => Json {
  return (host) => {
    const modes = MODES.filter((key) => isRewritten(host[key], replaced));
    const labels = modes.some((key) => key !== "NetworkMode") ? { SecurityOpt: withoutGenerated(host) } : {};
    const from = isEmpty(host["VolumesFrom"]) ? {} : { VolumesFrom: rewriteVolumesFrom(host["VolumesFrom"], replaced) };
    return { ...Object.fromEntries(modes.map((key) => [key, rewriteMode(host[key], replaced)])), ...labels, ...from };
  };
}

const GENERATED = ["user", "role", "type", "level"].map((part) => `label=${part}:`);

/**
 * Where nobody asked for security options, the engine writes the SELinux label of the container whose processes or
 * memory are shared. It is the parent's, and its successor has another (H23).
 */
export function withoutGenerated(host: Json): unknown {
  const options = asList(host["SecurityOpt"]);
  const isGenerated = options.length > 0 && options.every((one) => GENERATED.some((start) => one.startsWith(start)));
  return isGenerated ? null : host["SecurityOpt"];
}

/** Refused beside `container:` (H35). */
function forbidden(old: Inspected): (host: Json) => Json {
  const keys = ["Links", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "PortBindings"];
  return (host) => {
    if (!sharesNamespace(old)) return {};
    const given = keys.filter((key) => !isEmpty(host[key])).map((key) => [key, null] as const);
    return { ...Object.fromEntries(given), ...(host["PublishAllPorts"] === true ? { PublishAllPorts: false } : {}) };
  };
}
