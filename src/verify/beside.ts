/** What only the sidecar sees: the drops themselves, and what each consumer should have. */
import { readFile } from "node:fs/promises";
import { observe } from "../daemon/observe.ts";
import type { Self } from "../daemon/self.ts";
import { auditDrop, type DropAudit, readSwapWarnings } from "../deliver/index.ts";
import type { DockerPort, Json } from "../docker/port.ts";
import { faultOf } from "../fault.ts";
import { plan } from "../plan/index.ts";
import type { Consumer, Observed, ObservedDrop, Opened, Plan } from "../types.ts";
import { dropFindings, type Mounters, planFindings } from "./drops.ts";
import { finding } from "./findings.ts";
import type { OwnProcess } from "./surroundings.ts";
import type { Sightings } from "./sightings.ts";
import type { Finding } from "./types.ts";

/** The sidecar's own container, and the bundle that lies beside it. */
export interface Beside {
  readonly self: Self;
  /** Null: it does not open; a finding says why. */
  readonly opened: Opened | null;
}

export interface BesideView {
  readonly observed: Observed;
  readonly plan: Plan;
  readonly own: OwnProcess;
}

export async function readBeside(docker: DockerPort, { self, opened }: Beside): Promise<BesideView> {
  const observed = await observe(docker, self, new Map());
  const [status, corePattern] = await Promise.all([
    readFile("/proc/self/status", "utf8"),
    readFile("/proc/sys/kernel/core_pattern", "utf8"),
  ]);
  // No memory of the daemon's: a quarantined consumer has not what the bundle has, and that is what is asked here.
  const made = plan({ opened, fallback: new Map(), observed, quarantine: [] });
  return { observed, plan: made, own: { status, corePattern: corePattern.trim() } };
}

/** Values that consumers hold: of a generation before this bundle, too. By the secret's name. */
export function deliveredValues({ observed, plan: { consumers } }: BesideView): { name: string; value: Uint8Array }[] {
  return consumers.flatMap(({ volume, asks }) => {
    const drop = observed.drops.find((one) => one.volume === volume);
    const generations = [drop?.current, drop?.previous].filter((one) => one !== null && one !== undefined);
    return generations.flatMap(({ files }) =>
      [...asks].flatMap(([file, name]) => {
        const value = files.get(file);
        return value === undefined ? [] : [{ name, value }];
      }),
    );
  });
}

export async function besideFindings(
  docker: DockerPort,
  { self }: Beside,
  view: BesideView,
  mounters: Mounters & { readonly volumes: readonly Json[] },
  into: Sightings,
): Promise<Finding[]> {
  const { observed, plan: made } = view;
  const findings: Finding[] = [];
  for (const drop of observed.drops) {
    const consumers = made.consumers.filter((one) => one.volume === drop.volume);
    const audit = await audited(drop, into);
    const definition = mounters.volumes.find((one) => one["Name"] === drop.volume) ?? null;
    const names = new Set([...consumers.map((one) => one.service), ...askingFor(observed, drop)]);
    const { volume, fault } = drop;
    findings.push(...dropFindings({ volume, fault, definition, audit, consumers: names }, mounters));
    if (audit !== null) findings.push(...(await splitFindings(docker, drop, audit, consumers, into)));
  }
  const refused = new Set(findings.map(({ place, message }) => place + message));
  const planned = planFindings(made).filter(({ place, message }) => !refused.has(place + message));
  const swap = (await readSwapWarnings(self.drops)).map(({ subject, message }) =>
    finding({ rule: "host", severity: "warning", subject }, `${subject}: ${message}`),
  );
  return [...findings, ...planned, ...swap];
}

async function audited(drop: ObservedDrop, into: Sightings): Promise<DropAudit | null> {
  // What lies on a disk is not ours to look into, and is a finding already.
  if (drop.fault?.code === "drop-not-memory") return null;
  try {
    return await auditDrop(drop);
  } catch (thrown) {
    into.gap(drop.volume, "content of the drop", faultOf(thrown, drop.volume).message);
    return null;
  }
}

/** Refused ones have their volume all the same: they are no strangers. */
function askingFor({ containers }: Observed, { volume }: ObservedDrop): string[] {
  const asking = containers.filter(({ labels }) => labels["sidecrypt.secrets"] !== undefined);
  return asking.filter(({ mounts }) => mounts.some((one) => one.volume === volume)).map(({ service }) => service);
}

/** Milliseconds for a program that looks for one name. */
const TEST_TIMEOUT = 10_000;
/** Of a shell and of the engine, for a program that is not there or cannot be run. */
const NO_PROGRAM = new Set([126, 127, -1]);

/**
 * Whether a consumer sees the drop that the sidecar writes to: after a restart of some engines they are two, and only a
 * process in the container can tell (tmpfs-and-leaks.md §2.4). The command line has an id in it, which gives nothing away.
 */
async function splitFindings(
  docker: DockerPort,
  { volume }: ObservedDrop,
  { generation }: DropAudit,
  consumers: readonly Consumer[],
  into: Sightings,
): Promise<Finding[]> {
  if (generation === null) return [];
  const findings: Finding[] = [];
  for (const { name, id, service, mounts, state } of consumers.flatMap((one) => one.containers)) {
    const at = mounts.find((mount) => mount.volume === volume)?.destination;
    if (state !== "running" || at === undefined) continue;
    const what = "whether it sees the delivered files";
    const status = await docker.exec(id, ["test", "-e", `${at}/${generation}`], TEST_TIMEOUT).catch(() => -1);
    if (NO_PROGRAM.has(status)) into.limit(name, what, "its image has no program test to ask");
    else if (status !== 0) {
      const message = `container ${name} does not see what is delivered on volume ${volume}: it may hold another drop`;
      const hint = `docker compose up -d --force-recreate ${service}`;
      findings.push(finding({ rule: "not-current", subject: name, place: at }, message, hint));
    }
  }
  return findings;
}
