/** The consumers that a status lists, understood or not, each with what its drop holds. Pure. */
import type { Delivered, Observed, ObservedContainer, Plan } from "../types.ts";

export interface Row {
  readonly service: string;
  readonly volume: string | null;
  readonly delivered: Delivered | null;
  readonly unproven: boolean;
  readonly containers: readonly ObservedContainer[];
}

const LABEL = "sidecrypt.secrets";

export function listConsumers(plan: Plan | null, observed: Observed | null): readonly Row[] {
  const understood = new Map((plan?.consumers ?? []).map((consumer) => [consumer.service, consumer]));
  const refused = (plan?.refusals ?? []).flatMap(({ services }) => services);
  const names = new Set([...understood.keys(), ...refused, ...(plan === null ? labelled(observed) : [])]);
  return [...names].sort().map((service) => {
    const consumer = understood.get(service);
    const containers = consumer?.containers ?? serviceContainers(observed, service);
    const volume = consumer?.volume ?? volumeOf(containers, observed);
    const delivered = observed?.drops.find((drop) => drop.volume === volume)?.current ?? null;
    return { service, volume, delivered, unproven: consumer?.unproven ?? false, containers };
  });
}

/** Before anything could be planned (no bundle opens): the services that ask, so that their drops still count. */
function labelled(observed: Observed | null): readonly string[] {
  return (observed?.containers ?? [])
    .filter(counts)
    .flatMap(({ service, labels }) => (LABEL in labels ? [service] : []));
}

function serviceContainers(observed: Observed | null, service: string): readonly ObservedContainer[] {
  return (observed?.containers ?? []).filter((container) => container.service === service && counts(container));
}

/** Neither one-offs, nor backups, nor jobs that have done their work. */
function counts({ oneOff, isBackup, state, restartPolicy, exitCode }: ObservedContainer): boolean {
  const done = state === "exited" && exitCode === 0 && (restartPolicy === "no" || restartPolicy === "");
  return !oneOff && !isBackup && !done;
}

/** The one drop that its containers mount; null where that is none or several. */
function volumeOf(containers: readonly ObservedContainer[], observed: Observed | null): string | null {
  const drops = new Set(observed?.drops.map(({ volume }) => volume));
  const mounted = new Set(
    containers.flatMap(({ mounts }) => mounts.map(({ volume }) => volume)).filter((v) => drops.has(v)),
  );
  const [only] = mounted;
  return mounted.size === 1 && only !== undefined ? only : null;
}
