/** `docker inspect` less what every container has of its own: ids, times, addresses, and the labels of a roll. */
import type { Container, Network } from "./engine.ts";

const JOURNAL = /^sidecrypt\.(replaces|generation|unit)$/;
/** Paths below the container's own directory, and what a run of it is. */
const OWN = [
  "Id",
  "Created",
  "State",
  "ResolvConfPath",
  "HostnamePath",
  "HostsPath",
  "LogPath",
  "GraphDriver",
  "ExecIDs",
];
/** What the engine assigned on the network, not what was asked for. */
const ASSIGNED = /^(NetworkID|EndpointID|Gateway|IPAddress|IPPrefixLen|IPv6Gateway|GlobalIPv6.*|MacAddress|DNSNames)$/;

export function comparable(container: Container): unknown {
  return unset(fieldsOf(container));
}

/** To the engine null, [] and {} are the same: not set. */
function unset(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(unset);
  const fields = Object.entries(value).map(([key, field]) => [key, unset(field)] as const);
  return fields.length === 0 ? null : Object.fromEntries(fields);
}

function fieldsOf(container: Container): object {
  const short = container.Id.slice(0, 12);
  const { Config, HostConfig, Mounts, NetworkSettings, ...rest } = container;
  return {
    ...without(rest, (key) => OWN.includes(key)),
    Config: {
      ...Config,
      Hostname: Config.Hostname === short ? "its own id" : Config.Hostname,
      Labels: without(Config.Labels, (key) => JOURNAL.test(key)),
    },
    HostConfig: { ...HostConfig, ...mountsOf(HostConfig) },
    // What is mounted where, however it was asked for.
    Mounts: [...Mounts].sort((a, b) => (a.Destination < b.Destination ? -1 : 1)).map((mount) => mountOf(mount)),
    Networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks).map(([name, network]) => [name, networkOf(network, short)]),
    ),
  };
}

function without(fields: object, drop: (key: string) => boolean): object {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !drop(key)));
}

/** Anonymous volumes have to be carried over by name: that is seen in `Mounts`. */
function mountsOf(host: Readonly<Record<string, unknown>>): object {
  const mounts = (host["Mounts"] ?? []) as readonly { readonly Type: string; readonly Source?: string }[];
  return { Mounts: mounts.filter((mount) => mount.Type !== "volume") };
}

function mountOf(mount: Container["Mounts"][number]): object {
  return without(mount, (key) => key === "Mode" || key === "Propagation");
}

function networkOf(network: Network, short: string): object {
  const aliases = [...(network.Aliases ?? [])].filter((alias) => alias !== short).sort();
  return { ...without(network, (key) => ASSIGNED.test(key)), Aliases: aliases };
}
