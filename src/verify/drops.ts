/** The drops: what they are, who mounts them and how, and what stands on them (tmpfs-and-leaks.md §7 B, E). Pure. */
import { LARGEST_LIST, listOf } from "./lists.ts";
import type { DropAudit } from "../deliver/index.ts";
import type { Json } from "../docker/port.ts";
import type { Fault, Plan } from "../types.ts";
import { finding, ofFault } from "./findings.ts";
import { mountFlagFindings } from "./mount-flags.ts";
import { mountsOf, nameOf, serviceOf } from "./stack.ts";
import type { Finding } from "./types.ts";

export interface DropView {
  readonly volume: string;
  readonly fault: Fault | null;
  /** `docker volume inspect`; null: it is gone. */
  readonly definition: Json | null;
  /** Null: it could not be read. */
  readonly audit: DropAudit | null;
  /** Services whose labels make them its consumers. */
  readonly consumers: ReadonlySet<string>;
}

export interface Mounters {
  readonly ours: readonly Json[];
  readonly others: readonly Json[];
  readonly sidecar: { readonly id: string; readonly service: string };
}

export function dropFindings(drop: DropView, mounters: Mounters): Finding[] {
  const { volume } = drop;
  const about = { rule: "drop", subject: volume } as const;
  const driver = drop.definition?.["Driver"];
  return [
    ...(drop.fault === null ? [] : [ofFault("drop", drop.fault)]),
    ...(driver === undefined || driver === "local"
      ? []
      : [finding(about, `volume ${volume} is of a driver other than local, which nobody has tried`)]),
    ...[...mounters.ours, ...mounters.others].flatMap((raw) => mountFindings(drop, raw, mounters)),
    ...(drop.audit === null ? [] : auditFindings(volume, drop.audit)),
    // What is wrong with its type is said by the fault.
    ...(drop.audit === null ? [] : mountFlagFindings(volume, drop.definition, drop.audit.root)),
  ];
}

function auditFindings(volume: string, { strangers, wrong }: DropAudit): Finding[] {
  const unknown = `volume ${volume} holds names that no generation has: ${listOf(strangers)}`;
  const hint = `whoever mounts it with write access put them there; "sidecrypt status" names a second writer`;
  return [
    ...(strangers.length === 0 ? [] : [finding({ rule: "drop", subject: volume, place: "names" }, unknown, hint)]),
    ...wrong
      .slice(0, LARGEST_LIST)
      .map((what) => finding({ rule: "drop", subject: volume, place: "modes" }, `volume ${volume}: ${what}`)),
  ];
}

function mountFindings(drop: DropView, raw: Json, { ours, sidecar }: Mounters): Finding[] {
  const { volume } = drop;
  const mounts = mountsOf(raw).filter((one) => one["Type"] === "volume" && one["Name"] === volume);
  if (mounts.length === 0 || raw["Id"] === sidecar.id) return [];
  const [name, service] = [nameOf(raw), serviceOf(raw)];
  const about = { rule: "drop", subject: volume, place: name } as const;
  const isReader = ours.includes(raw) && drop.consumers.has(service);
  if (!isReader && !(ours.includes(raw) && service === sidecar.service)) {
    const message = `container ${name} mounts volume ${volume} and is no consumer of it: it reads every secret there`;
    return [finding(about, message, "take the volume away from it, or give its service the label sidecrypt.secrets")];
  }
  return mounts.flatMap((mount) => readerFindings(volume, raw, mount));
}

function readerFindings(volume: string, raw: Json, mount: Json): Finding[] {
  const name = nameOf(raw);
  const destination = String(mount["Destination"]);
  const about = { rule: "drop", subject: volume, place: name } as const;
  const hint = `${volume}:${destination}:ro,nocopy`;
  const findings: Finding[] = [];
  if (mount["RW"] === true) {
    const message = `container ${name} mounts volume ${volume} writable at ${destination}`;
    findings.push(finding(about, message, `mount it read-only: ${hint}`));
  }
  if (copiesUp(raw, volume, destination)) {
    const message = `container ${name} mounts volume ${volume} at ${destination} without nocopy: an image's own files can land on it`;
    findings.push(finding(about, message, `mount it with nocopy: ${hint}`));
  }
  return findings;
}

/** Short syntax comes as a bind text, long syntax as a mount; what `volumes_from` passes on is in neither. */
function copiesUp(raw: Json, volume: string, destination: string): boolean {
  const host = (raw["HostConfig"] ?? {}) as { Binds?: string[] | null; Mounts?: Json[] | null };
  const binds = (host.Binds ?? []).map((one) => one.split(":"));
  const bind = binds.find(([source, target]) => source === volume && target === destination);
  if (bind !== undefined) return !(bind[2] ?? "").split(",").includes("nocopy");
  const mount = (host.Mounts ?? []).find((one) => one["Source"] === volume && one["Target"] === destination);
  if (mount === undefined) return false;
  return ((mount["VolumeOptions"] ?? {}) as { NoCopy?: boolean }).NoCopy !== true;
}

/** What the daemon would do now, held against nothing of its own: whoever it would move has not what it should have. */
export function planFindings(plan: Plan): Finding[] {
  const refused = plan.refusals.flatMap(({ services, fault }) =>
    services.map((service) => ({ ...ofFault("consumer", fault), subject: service })),
  );
  const hint = "sidecrypt status says why: a roll under way, a quarantine, a budget";
  const behind = (service: string, cause: string): Finding =>
    finding(
      { rule: "not-current", subject: service },
      `service ${service} does not run on what the bundle has: ${cause}`,
      hint,
    );
  const moves = [
    ...plan.units.flatMap(({ steps }) => steps.map(({ consumer, cause }) => [consumer.service, cause] as const)),
    ...plan.refreshes.map(({ consumer, cause }) => [consumer.service, cause] as const),
  ];
  const deliveries = [...plan.deliveries, ...plan.units.flatMap((unit) => unit.deliveries)];
  return [
    ...refused,
    ...moves.map(([service, cause]) => behind(service, cause)),
    ...deliveries.map(({ generation, cause }) =>
      finding(
        { rule: "not-current", subject: generation.volume },
        `volume ${generation.volume} does not hold what the bundle has: ${cause}`,
        hint,
      ),
    ),
    ...plan.warnings.map(({ subject, message }) =>
      finding({ rule: "consumer", severity: "warning", subject }, `${subject}: ${message}`),
    ),
  ];
}
