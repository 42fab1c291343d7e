/**
 * The candidate's create body from the old container's inspect answer. The image does not change, so a verbatim copy
 * is exact and subtracting image defaults would be pure risk (H9); only what inspect adds, hides or mangles is treated.
 * Pure.
 */
import { SidecryptError } from "../errors.ts";
import type { CreateBody, Image, Inspected, Json, Platform } from "../docker/port.ts";
import { isUp } from "../container-state.ts";
import { hostOf } from "./host.ts";
import { isEmpty } from "./json.ts";
import { mountsOf } from "./mounts.ts";
import { endpointsOf, minorOf, sharesNamespace, splitSysctls } from "./networks.ts";
import { JOURNAL_LABELS, shortId } from "./journal.ts";
import { joinsNamespaceOf, linksTo, namespaceParents, type Replaced, type Shares, volumeSources } from "./spaces.ts";

export interface SpecInput {
  readonly old: Inspected;
  /** What `config.Image` names today; null: the reference is gone. */
  readonly tagged: Image | null;
  /** The old container's own image. */
  readonly image: Image;
  readonly apiVersion: string;
  /** The engine's. */
  readonly platform: Platform;
  /** The journal's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Containers that were replaced before this one, which may share with them (H20, H34). */
  readonly replaced: Replaced;
  /** Those that `VolumesFrom` names, as they are now. */
  readonly sources: readonly Inspected[];
}

export function candidateSpec(input: SpecInput): CreateBody {
  const { old, image, apiVersion, replaced, sources } = input;
  refuseInterfaceSysctls(old, apiVersion);
  const { endpoints, connect } = endpointsOf(old, apiVersion);
  const body = {
    ...configOf(input),
    HostConfig: { ...hostOf(old, apiVersion, replaced), Mounts: mountsOf(old, sources) },
    ...(endpoints === null ? {} : { NetworkingConfig: { EndpointsConfig: endpoints } }),
  };
  const platform = foreignPlatform(image, input.platform);
  return { body, connect, ...(platform === null ? {} : { platform }) };
}

/** An image of several platforms would give the engine's own one, whatever the old container runs (H12). */
function foreignPlatform({ platform }: Image, engine: Platform): Platform | null {
  if (platform.os === "" || platform.architecture === "") return null;
  const isEngines = platform.os === engine.os && platform.architecture === engine.architecture;
  return isEngines ? null : platform;
}

function configOf({ old, tagged, image, apiVersion, labels }: SpecInput): Json {
  const { Hostname, MacAddress, ExposedPorts, Entrypoint, ...rest } = old.config;
  const shared = sharesNamespace(old);
  return {
    ...rest,
    // A moved tag would change the image silently (H12).
    Image: tagged?.id === old.image ? rest["Image"] : old.image,
    Labels: { ...withoutJournal(old.labels), ...labels },
    // Inspect shows a reset entrypoint as null, and null brings the image's back (H10).
    Entrypoint: isEmpty(Entrypoint) && !isEmpty(image.entrypoint) ? [""] : Entrypoint,
    // The daemon fills in the short id of the old container (H1), and refuses both beside container: mode (H35).
    ...(shared || hasHostsName(old) || Hostname === shortId(old.id) ? {} : { Hostname }),
    ...(shared ? {} : { ExposedPorts }),
    // From 1.44 on it belongs to the endpoint (H30).
    ...(minorOf(apiVersion) < 44 && typeof MacAddress === "string" && MacAddress !== "" ? { MacAddress } : {}),
  };
}

/** A hostname is refused beside it, and inspect shows the host's (H35). */
export const hasHostsName = (container: Inspected): boolean => container.hostConfig["UTSMode"] === "host";

export function withoutJournal(labels: Readonly<Record<string, string>>): Record<string, string> {
  const ours = new Set<string>(JOURNAL_LABELS);
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !ours.has(name)));
}

/**
 * Refused before the old container is touched.
 *
 * @param others every container of the engine: a link of the default bridge goes with the container that it names (H27)
 */
export function refuseUncopyable(old: Inspected, others: readonly Shares[]): void {
  const linked = others.find((other) => other.id !== old.id && linksTo(other, old));
  if (linked !== undefined) {
    const why = `container ${linked.name} links to it on the default bridge and would lose it`;
    throw refused(old, why, "put both on a network of their own, or set the label sidecrypt.on-change: restart");
  }
  if (old.hostConfig["AutoRemove"] === true) {
    const why = "it is started with --rm, so the old container cannot be kept until the new one is proven";
    throw refused(old, why, "set the label sidecrypt.on-change: restart on its service");
  }
}

/** @param parents by reference, those that it shares with; null: gone */
export function refuseOrphan(old: Inspected, parents: ReadonlyMap<string, Inspected | null>): void {
  for (const reference of [...namespaceParents(old), ...volumeSources(old)]) {
    const parent = parents.get(reference) ?? null;
    const isNeeded = parent !== null && (isUp(parent) || !namespaceParents(old).includes(reference));
    if (isNeeded) continue;
    const what = parent === null ? "is gone" : "does not run";
    const why = `container ${parent?.name ?? shortId(reference)}, whose namespaces or volumes it shares, ${what}`;
    throw refused(old, why, "docker compose up -d brings both back");
  }
}

/** Nobody can tell which network is behind the second interface of another engine's container (H25). */
function refuseInterfaceSysctls(old: Inspected, apiVersion: string): void {
  const { others } = splitSysctls(old.hostConfig, apiVersion);
  if (others.length === 0) return;
  const hint =
    "recreate the service with docker compose up -d --force-recreate, the sysctl moved to driver_opts of its network";
  throw refused(old, `this engine no longer takes its sysctl ${others.join(", ")}`, hint);
}

/**
 * The unit takes along the children of its own project. Any other one would keep running with only `lo`, and could not
 * start again (H34).
 */
export function refuseParent(old: Inspected, others: readonly Shares[]): void {
  const child = others.find((other) => other.id !== old.id && joinsNamespaceOf(other, old));
  if (child === undefined) return;
  const { name } = child;
  const why = `container ${name} shares its namespaces or volumes, and is not a running service of this project`;
  throw refused(old, why, `remove ${name}, or set the label sidecrypt.on-change: signal:NAME, exec:CMD or none`);
}

function refused(old: Inspected, why: string, hint: string): SidecryptError {
  return new SidecryptError("not-supported", `container ${old.name} cannot be replaced: ${why}`, hint);
}
