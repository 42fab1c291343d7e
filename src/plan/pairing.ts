/** Which drop is a consumer's: found, not configured (DESIGN.md, In the stack). */
import type { Observed, ObservedContainer, ObservedDrop } from "../types.ts";
import { faultOf, listOf, type Broken } from "./faults.ts";

const MOUNT = "/run/secrets";

/** The one volume that both mount, at /run/secrets in the consumer. */
export function pair(observed: Observed, container: ObservedContainer): ObservedDrop | Broken {
  const { service } = container;
  const mounted = new Set(container.mounts.map((mount) => mount.volume));
  const [drop, ...others] = observed.drops.filter((one) => mounted.has(one.volume));
  if (drop === undefined) return unpaired(observed, container);
  if (others.length > 0) {
    const volumes = listOf([drop, ...others].map((one) => one.volume));
    return broken(`service ${service} shares the volumes ${volumes} with the sidecar`, "keep one of them");
  }
  return misplaced(container, drop) ?? writableBy(observed, container, drop) ?? faulty(drop) ?? drop;

  function broken(message: string, hint: string): Broken {
    return { fault: faultOf("drop-unpaired", service, message, hint), volume: null };
  }
}

function unpaired(observed: Observed, container: ObservedContainer): Broken {
  const { service } = container;
  const message = `service ${service} mounts no volume of the sidecar's at ${MOUNT}`;
  return { fault: faultOf("drop-unpaired", service, message, linesToPaste(observed, container)), volume: null };
}

/** Compose's own names are known only where a volume is mounted already; else the one of our examples. */
function linesToPaste({ self }: Observed, container: ObservedContainer): string {
  const { service } = container;
  const mounted = container.mounts.find((mount) => mount.destination === MOUNT)?.volume;
  const volume = mounted?.replace(`${self.project}_`, "") ?? `${service}-secrets`;
  return [
    "services:",
    `  ${self.service}: { volumes: ["${volume}:/drops/${service}"] }`,
    `  ${service}: { volumes: ["${volume}:${MOUNT}:ro,nocopy"] }`,
    "volumes:",
    `  ${volume}: { driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m,mode=2750,gid=1000,noexec,nosuid,nodev" } }`,
    `with gid= the primary group of the process that reads in ${service}`,
  ].join("\n");
}

function misplaced({ service, mounts }: ObservedContainer, { volume }: ObservedDrop): Broken | null {
  const places = mounts.filter((mount) => mount.volume === volume).map((mount) => mount.destination);
  if (places.includes(MOUNT)) return null;
  const message = `service ${service} mounts ${volume} at ${listOf(places)}, not at ${MOUNT}`;
  return { fault: faultOf("drop-unpaired", service, message, `mount it at ${MOUNT}:ro,nocopy`), volume };
}

/**
 * The consumer itself, or any other service of the project: what it wrote would pass for a secret. A second sidecar is
 * the drop's own fault to tell: its successor, while Compose upgrades it, is only created and writes nothing.
 */
function writableBy(observed: Observed, container: ObservedContainer, { volume }: ObservedDrop): Broken | null {
  const rest = new Set([container.service, observed.self.service]);
  const others = observed.containers.filter((other) => !rest.has(other.service));
  const writer = [container, ...others].find((one) =>
    one.mounts.some((mount) => mount.volume === volume && mount.writable),
  );
  if (writer === undefined) return null;
  const message = `service ${writer.service} mounts ${volume} writable`;
  const hint = `mount it with :ro,nocopy in ${writer.service}`;
  return { fault: faultOf("drop-second-writer", writer.service, message, hint), volume };
}

function faulty({ volume, fault }: ObservedDrop): Broken | null {
  return fault === null ? null : { fault, volume };
}
