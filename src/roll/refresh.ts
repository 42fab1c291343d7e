/**
 * Restart in place of consumers whose drop was emptied under them (reboot, engine restart): in depends_on order, equal
 * waves together, with no way back, since there is none (DESIGN.md rule 5).
 */
import { faultOf } from "../fault.ts";
import type { Fault, RefreshStep } from "../types.ts";
import { groupBy } from "../collections.ts";
import type { RollContext } from "./context.ts";
import { gate } from "./gate.ts";
import { shortId } from "./journal.ts";
import { seenBy } from "./member.ts";
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
  const { service, volume } = step.consumer;
  try {
    for (const { id } of step.containers) {
      await requireSameDrops(ctx, id);
      ctx.hands.expectStop(id);
      await ctx.docker.restart(id);
      const seen = await seenBy(ctx, id, step.generation.id);
      if (seen !== null) await ctx.drops.markSeen(volume, [seen]);
      await gate(ctx, id, step.consumer);
      ctx.log.info("container-refreshed", { service, container: shortId(id) });
    }
    for (const child of step.children) {
      ctx.hands.expectStop(child.id);
      await ctx.docker.restart(child.id);
      ctx.log.info("container-refreshed", { service: child.service, container: shortId(child.id) });
    }
    return null;
  } catch (thrown) {
    return faultOf(thrown, service);
  }
}
