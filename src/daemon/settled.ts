/** What a look shows to be finished. Pure. */
import { isCurrent } from "../plan/index.ts";
import { volumesOf } from "../roll/operation.ts";
import type { ObservedDrop, Plan, SeenEntry } from "../types.ts";

/** Containers that are current only by their start time: a later flip would hide it. */
export function adoptionsOn(drop: ObservedDrop, made: Plan): SeenEntry[] {
  if (drop.current === null) return [];
  const { id } = drop.current;
  return made.consumers
    .filter((consumer) => consumer.volume === drop.volume)
    .flatMap((consumer) => consumer.containers)
    .flatMap((container) => {
      const { startedAt } = container;
      const isKnown = drop.seen.some((one) => one.container === container.id && one.startedAt === startedAt);
      if (isKnown || startedAt === null || !isCurrent(container, drop, id)) return [];
      return [{ container: container.id, startedAt, generation: id }];
    });
}

/** Drops for which nothing is planned, refused or held back: they hold what the bundle says. */
export function settledVolumes(made: Plan): Set<string> {
  const open = new Set([
    ...made.deliveries.map((step) => step.generation.volume),
    ...made.units.flatMap(volumesOf),
    ...made.refreshes.map((step) => step.consumer.volume),
  ]);
  const waiting = new Set([...made.refusals, ...made.held].flatMap((one) => one.services));
  const settled = made.consumers.filter(({ volume, service }) => !open.has(volume) && !waiting.has(service));
  return new Set(settled.map((consumer) => consumer.volume));
}
