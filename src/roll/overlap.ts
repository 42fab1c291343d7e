/** `sidecrypt.order: start-first` runs a container beside its successor for the length of a gate. Pure. */
import { COMPOSE_NUMBER, COMPOSE_PROJECT, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import type { Inspected, Json } from "../docker/port.ts";
import { isEmpty } from "./json.ts";
import { namespaceParents } from "./spaces.ts";

/** Why no copy of it can run beside it (H44); null: one can. */
export function soleReasonOf(container: Inspected): string | null {
  if (container.hostConfig["NetworkMode"] === "host") return "it is on the host's network";
  if (namespaceParents(container).length > 0) return "it lives in another container's namespaces";
  if (hasHostPort(container)) return "it publishes a port of the host";
  if (Object.values(container.networks).some(hasFixedAddress)) return "it has a fixed IP address";
  if (!isEmpty(container.config["MacAddress"])) return "it has a fixed MAC address";
  if (!isComposeName(container)) return "it has a container_name of its own";
  return null;
}

/** One that the engine chooses is another one for each. */
function hasHostPort({ hostConfig }: Inspected): boolean {
  const bindings = Object.values((hostConfig["PortBindings"] ?? {}) as Json);
  return bindings.some((list) => Array.isArray(list) && list.some((one: Json) => !isEmpty(one["HostPort"])));
}

function hasFixedAddress(settings: Json): boolean {
  const { IPv4Address, IPv6Address } = (settings["IPAMConfig"] ?? {}) as Json;
  return !isEmpty(IPv4Address) || !isEmpty(IPv6Address);
}

/** `project-service-1`, or with `_` as older versions wrote it, also behind the id that Compose puts before it. */
function isComposeName({ name, labels }: Inspected): boolean {
  const parts = [labels[COMPOSE_PROJECT], labels[COMPOSE_SERVICE], labels[COMPOSE_NUMBER]];
  const plain = name.replace(/^[0-9a-f]{12}_/, "");
  return ["-", "_"].some((separator) => plain === parts.join(separator));
}
