/**
 * A restart in place: a stop, and a start. Where the engine or this process ends in between, the container is left as if
 * stopped by hand, and no restart policy starts it: what is written down beforehand tells the next look.
 */
import { isUp } from "../container-state.ts";
import type { ObservedContainer } from "../types.ts";
import type { RollContext } from "./context.ts";

/**
 * Not the engine's own restart: once begun it goes on while the engine ends, and what it starts outlives it
 * (docker/parting.ts). Only one with `--rm` has to be, since its stop would remove it (H21).
 */
export async function restartInPlace({ docker, hands, records }: RollContext, id: string): Promise<void> {
  await records.beginRestart(id);
  hands.expectStop(id);
  if ((await docker.inspect(id))?.hostConfig["AutoRemove"] === true) await docker.restart(id);
  else {
    await docker.stop(id);
    await docker.start(id);
  }
  await records.endRestart(id);
}

/** What is left of one that was cut off. */
export async function finishRestart({ docker, records }: RollContext, id: string): Promise<void> {
  await docker.start(id);
  await records.endRestart(id);
}

/** Containers of which a restart was begun and not finished, in the order in which they were restarted. */
export async function cutOff(
  { hands, records }: RollContext,
  containers: readonly ObservedContainer[],
): Promise<readonly ObservedContainer[]> {
  const found = new Map(containers.map((one) => [one.id, one]));
  const down: ObservedContainer[] = [];
  for (const id of records.restarts) {
    const container = found.get(id);
    if (container !== undefined && !isUp(container) && !hands.stoppedByHand(id)) down.push(container);
    else await records.endRestart(id);
  }
  return down;
}
