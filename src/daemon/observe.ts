/** A snapshot of what the engine and the drops hold; makes no choices. */
import { optionsFault, readDrop, readMounts, seenMount } from "../deliver/index.ts";
import type { Drop, VolumeOptions } from "../deliver/index.ts";
import { COMPOSE_PROJECT, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import type { DockerPort, ListedContainer } from "../docker/port.ts";
import { isPast, isUp } from "../container-state.ts";
import type { Mount } from "../mountinfo.ts";
import { replacedBy } from "../roll/leftover.ts";
import type { Fault, Observed, ObservedDrop } from "../types.ts";
import type { Self } from "./self.ts";
import { look, type ContainerSummary } from "./container-cache.ts";

/** Options of the volumes, each asked for once: nobody changes those of a volume that is mounted. */
export type KnownOptions = Map<string, VolumeOptions>;

/** How each container is looked at. */
type LookAt = (row: ListedContainer) => Promise<ContainerSummary | null>;

export async function observe(
  docker: DockerPort,
  self: Self,
  options: KnownOptions,
  lookAt: LookAt = ({ id }) => look(docker, id),
): Promise<Observed> {
  const listed = (await docker.list()).filter((row) => !isPast(row));
  const ours = listed.filter((row) => row.labels[COMPOSE_PROJECT] === self.project && row.id !== self.id);
  const found = (await Promise.all(ours.map(lookAt))).filter((one) => one !== null);
  const alive = new Set(listed.map((row) => row.id));
  const ids = new Map(found.map((one) => [one.name, one.id]));
  const replacing = found.map((one) => ({ ...one, replaces: replacedBy(one.labels, alive) }));
  const backups = new Set(replacing.map((one) => one.replaces));
  return {
    self: { project: self.project, service: self.service },
    containers: replacing
      .map((one) => ({
        ...one,
        isBackup: backups.has(one.id),
        volumesOf: one.volumesOf.map((source) => ids.get(source) ?? source),
      }))
      // Not localeCompare: its first call loads tables that cost megabytes.
      .toSorted((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1)),
    drops: await observeDrops(docker, self, listed, options),
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
