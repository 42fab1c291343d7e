/**
 * Restart in place of consumers whose drop was emptied under them (reboot, engine restart): in depends_on order, equal
 * waves together, with no way back, since there is none (DESIGN.md rule 5).
 */
import { faultOf } from "../fault.ts";
import type { Consumer, Fault, ObservedContainer, RefreshStep } from "../types.ts";
import { groupBy } from "../collections.ts";
import type { RollContext } from "./context.ts";
import { gate } from "./gate.ts";
import { shortId } from "./journal.ts";
import { seenBy } from "./member.ts";
import { finishRestart, restartInPlace } from "./restart.ts";
import { requireSameDrops } from "./same-drop.ts";

/** Returns what went wrong, by service; a failing one does not stop the others. */
export async function refresh(ctx: RollContext, steps: readonly RefreshStep[]): Promise<Fault[]> {
  const faults: Fault[] = [];
  const waves = [...groupBy(steps, (step) => step.wave)].toSorted(([a], [b]) => a - b);
  for (const [, wave] of waves) {
    const results = await Promise.all(wave.map((step) => refreshService(ctx, step)));
    faults.push(...results.filter((fault) => fault !== null));
  }
  return faults;
}

async function refreshService(ctx: RollContext, step: RefreshStep): Promise<Fault | null> {
  const { service } = step.consumer;
  try {
    for (const { id } of step.containers) await refreshOne(ctx, id, step.consumer, step.generation.id);
    for (const child of step.children) {
      await restartInPlace(ctx, child.id);
      ctx.log.info("container-refreshed", { service: child.service, container: shortId(child.id) });
    }
    return null;
  } catch (thrown) {
    return faultOf(thrown, service);
  }
}

async function refreshOne(
  ctx: RollContext,
  id: string,
  consumer: Consumer,
  generation: string,
  renew = restartInPlace,
): Promise<void> {
  await requireSameDrops(ctx, id);
  await renew(ctx, id);
  const seen = await seenBy(ctx, id, generation);
  if (seen !== null) await ctx.drops.markSeen(consumer.volume, [seen]);
  await gate(ctx, id, consumer).catch(async (thrown: unknown) => {
    // One that outlived an engine without live-restore was in no count of mounts: its stop was the first to show it.
    await requireSameDrops(ctx, id);
    throw thrown;
  });
  ctx.log.info("container-refreshed", { service: consumer.service, container: shortId(id) });
}

/** Starts those that were `cutOff`, on the files that their drops hold by now. Returns what went wrong: then the next run tries again. */
export async function finishRestarts(
  ctx: RollContext,
  containers: readonly ObservedContainer[],
  consumers: readonly Consumer[],
): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const container of containers) {
    const { id, service } = container;
    const consumer = consumers.find((one) => one.containers.some((other) => other.id === id));
    try {
      const generation = consumer === undefined ? null : await ctx.drops.currentId(consumer.volume);
      if (consumer === undefined) await finishRestart(ctx, id);
      else if (generation !== null) await refreshOne(ctx, id, consumer, generation, finishRestart);
    } catch (thrown) {
      faults.push(faultOf(thrown, service));
    }
  }
  return faults;
}
