/**
 * The candidate's create body from the old container's inspect answer. The image does not change, so a verbatim copy
 * is exact and subtracting image defaults would be pure risk (H9); only what inspect adds, hides or mangles is treated.
 * Pure.
 */
import { SidecryptError } from "../errors.ts";
import type { CreateBody, Image, Inspected, Json } from "../docker/port.ts";
import { isEmpty } from "./json.ts";
import { endpointsOf, minorOf, sharesNamespace } from "./networks.ts";
import { JOURNAL_LABELS, shortId } from "./journal.ts";

export interface SpecInput {
  readonly old: Inspected;
  /** What `config.Image` names today; null: the reference is gone. */
  readonly tagged: Image | null;
  /** The old container's own image. */
  readonly image: Image;
  readonly apiVersion: string;
  /** The journal's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Ids of old containers to those of their successors, whose namespaces and volumes it joins (H20, H34). */
  readonly replaced: ReadonlyMap<string, string>;
}

export function candidateSpec(input: SpecInput): CreateBody {
  const { endpoints, connect } = endpointsOf(input.old, input.apiVersion);
  const body = {
    ...configOf(input),
    HostConfig: { ...input.old.hostConfig, Mounts: mountsOf(input.old) },
    ...(endpoints === null ? {} : { NetworkingConfig: { EndpointsConfig: endpoints } }),
  };
  return { body, connect };
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
    ...(shared || Hostname === shortId(old.id) ? {} : { Hostname }),
    ...(shared ? {} : { ExposedPorts }),
    // From 1.44 on it belongs to the endpoint (H30).
    ...(minorOf(apiVersion) < 44 && typeof MacAddress === "string" && MacAddress !== "" ? { MacAddress } : {}),
  };
}

export function withoutJournal(labels: Readonly<Record<string, string>>): Record<string, string> {
  const ours = new Set<string>(JOURNAL_LABELS);
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !ours.has(name)));
}

/**
 * Image VOLUMEs and source-less volumes stand only in inspect's Mounts; a verbatim copy would get fresh, empty ones
 * (H18). Binds and Mounts pass through, carried volumes are appended (H19).
 */
function mountsOf(old: Inspected): Json[] {
  const given = asArray(old.hostConfig["Mounts"]).map((mount) => nameAnonymous(mount, old));
  const targets = new Set([...given.map((m) => String(m["Target"])), ...bindTargets(old), ...tmpfsTargets(old)]);
  const carried = old.mounts
    .filter((mount) => mount.type === "volume" && !targets.has(mount.destination))
    .filter(() => isEmpty(old.hostConfig["VolumesFrom"]))
    .map((mount) => ({
      Type: "volume",
      Source: mount.name,
      Target: mount.destination,
      ReadOnly: !mount.writable,
    }));
  return [...given, ...carried];
}

function nameAnonymous(mount: Json, old: Inspected): Json {
  if (mount["Type"] !== "volume" || !isEmpty(mount["Source"])) return mount;
  const actual = old.mounts.find((m) => m.type === "volume" && m.destination === mount["Target"]);
  return actual === undefined ? mount : { ...mount, Source: actual.name };
}

function bindTargets(old: Inspected): string[] {
  const binds = old.hostConfig["Binds"];
  if (!Array.isArray(binds)) return [];
  return binds.map((bind) => String(bind).split(":")[1] ?? "");
}

function tmpfsTargets(old: Inspected): string[] {
  const tmpfs = old.hostConfig["Tmpfs"];
  return typeof tmpfs === "object" && tmpfs !== null ? Object.keys(tmpfs) : [];
}

/** Refused before the old container is touched: what a later version carries over, this one would lose. */
export function refuseUncopyable(old: Inspected): void {
  if (old.hostConfig["AutoRemove"] === true) {
    const why = "it is started with --rm, so the old container cannot be kept until the new one is proven";
    throw refused(old, why, "set the label sidecrypt.on-change: restart on its service");
  }
}

/** A child of its namespaces keeps running with only `lo` after a restart, and cannot start after a replacement (H34). */
export function refuseParent(old: Inspected, others: readonly Inspected[]): void {
  const child = others.find((other) => other.id !== old.id && joinsNamespaceOf(other, old));
  if (child === undefined) return;
  const why = `container ${child.name} shares its namespaces or volumes and would lose them`;
  throw refused(old, why, "set the label sidecrypt.on-change: signal:NAME, or none, on its service");
}

function joinsNamespaceOf(other: Inspected, parent: Inspected): boolean {
  const modes = ["NetworkMode", "PidMode", "IpcMode"].map((key) => other.hostConfig[key]);
  const sources = other.hostConfig["VolumesFrom"];
  const from = Array.isArray(sources) ? sources.map((source) => String(source).split(":")[0]) : [];
  return modes.includes(`container:${parent.id}`) || from.includes(parent.id);
}

function refused(old: Inspected, why: string, hint: string): SidecryptError {
  return new SidecryptError("not-supported", `container ${old.name} cannot be replaced: ${why}`, hint);
}

function asArray(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
