/** A snapshot of what the engine and the drops hold; makes no choices. */
import { optionsFault, readDrop, readMounts, seenMount } from "../deliver/index.ts";
import type { Drop, VolumeOptions } from "../deliver/index.ts";
import { COMPOSE_NUMBER, COMPOSE_ONEOFF, COMPOSE_PROJECT, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import { healthcheckOf } from "../docker/health.ts";
import type { DockerPort, Inspected, ListedContainer } from "../docker/port.ts";
import { isUp } from "../container-state.ts";
import type { Mount } from "../mountinfo.ts";
import { replacedBy } from "../roll/leftover.ts";
import { soleReasonOf } from "../roll/overlap.ts";
import { namespaceParents, volumeSources } from "../roll/spaces.ts";
import type { Fault, Observed, ObservedContainer, ObservedDrop } from "../types.ts";
import type { Self } from "./self.ts";

/** Options of the volumes, each asked for once: nobody changes those of a volume that is mounted. */
export type KnownOptions = Map<string, VolumeOptions>;

export async function observe(docker: DockerPort, self: Self, options: KnownOptions): Promise<Observed> {
  const listed = await docker.list();
  const ours = listed.filter((row) => row.labels[COMPOSE_PROJECT] === self.project && row.id !== self.id);
  const inspected = await Promise.all(ours.map((row) => docker.inspect(row.id)));
  const alive = new Set(listed.map((row) => row.id));
  const found = inspected.filter((one) => one !== null);
  const ids = new Map(found.map((one) => [one.name, one.id]));
  const containers = found.map((one) => toObserved(one, alive, ids));
  const backups = new Set(containers.map((one) => one.replaces));
  return {
    self: { project: self.project, service: self.service },
    containers: containers
      .map((one) => ({ ...one, isBackup: backups.has(one.id) }))
      // Not localeCompare: its first call loads tables that cost megabytes.
      .toSorted((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1)),
    drops: await observeDrops(docker, self, listed, options),
  };
}

function toObserved(
  container: Inspected,
  alive: ReadonlySet<string>,
  ids: ReadonlyMap<string, string>,
): ObservedContainer {
  const { labels } = container;
  return {
    id: container.id,
    name: container.name,
    service: labels[COMPOSE_SERVICE] ?? container.name,
    number: Number(labels[COMPOSE_NUMBER] ?? "1"),
    oneOff: labels[COMPOSE_ONEOFF] === "True",
    state: container.state,
    startedAt: container.startedAt,
    exitCode: container.exitCode,
    labels,
    environmentNames: container.environment.map((entry) => entry.split("=", 1)[0] ?? ""),
    mounts: container.mounts
      .filter((mount) => mount.type === "volume")
      .map((mount) => ({ volume: mount.name, destination: mount.destination, writable: mount.writable })),
    hasHealthcheck: healthcheckOf(container) !== null,
    isUnhealthy: container.state === "running" && container.health?.status === "unhealthy",
    restartPolicy: container.restartPolicy,
    replaces: replacedBy(labels, alive),
    isBackup: false,
    namespacesOf: namespaceParents(container),
    volumesOf: volumeSources(container).map((one) => ids.get(one) ?? one),
    soleReason: soleReasonOf(container),
  };
}

async function observeDrops(
  docker: DockerPort,
  self: Self,
  listed: readonly ListedContainer[],
  known: KnownOptions,
): Promise<ObservedDrop[]> {
  const mounts = await readMounts();
  return Promise.all(
    self.drops.map(async (drop) => {
      const [read, options] = await Promise.all([
        readDrop(drop.path, drop.volume),
        optionsOf(docker, drop.volume, known),
      ]);
      const fault = read.fault ?? secondWriter(drop, listed, self) ?? (await definitionFault(drop, options, mounts));
      return { ...read, fault };
    }),
  );
}

async function optionsOf(docker: DockerPort, volume: string, known: KnownOptions): Promise<VolumeOptions> {
  const options = known.get(volume) ?? (await docker.volumeOptions(volume));
  known.set(volume, options);
  return options;
}

async function definitionFault(drop: Drop, options: VolumeOptions, mounts: readonly Mount[]): Promise<Fault | null> {
  return optionsFault(drop.volume, options, await seenMount(drop, mounts));
}

/** A container that does not run writes nothing: while Compose upgrades the sidecar, its successor is only created. */
function secondWriter(drop: Drop, listed: readonly ListedContainer[], self: Self): Fault | null {
  const writer = listed.find((row) => {
    const mounted = row.mounts.some((mount) => mount.volume === drop.volume && mount.writable);
    return row.id !== self.id && isUp(row) && mounted;
  });
  if (writer === undefined) return null;
  const service = writer.labels[COMPOSE_SERVICE] ?? writer.id.slice(0, 12);
  return {
    code: "drop-second-writer",
    subject: drop.volume,
    message: `service ${service} (container ${writer.id.slice(0, 12)}) mounts volume ${drop.volume} writable too`,
    hint: "only one sidecar may write to a drop: scale it to one, and mount it with :ro,nocopy everywhere else",
  };
}
