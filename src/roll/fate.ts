/**
 * What became of the old container while its copy was made. Compose's `up` stops the older of two, removes it, and starts
 * the other (H6): one that is only stopped may be gone in a moment, and its copy is then all that is left of the service.
 */
import { isUp } from "../container-state.ts";
import type { RollContext } from "./context.ts";
import { Interrupted } from "./gate.ts";
import type { Member } from "./member.ts";
import { discard, type Swap } from "./swap.ts";

/** Milliseconds from a stop by Compose to what it does next: a second on a busy machine. */
const SETTLES_IN = 5_000;
const LOOK_EVERY = 200;

type Fate = "runs" | "stopped" | "gone";

export async function fateOf(ctx: RollContext, { oldId, parked, asleep }: Member): Promise<Fate> {
  const until = ctx.clock.now() + SETTLES_IN;
  for (;;) {
    const now = await ctx.docker.inspect(oldId);
    if (now === null) return "gone";
    if (isUp(now) || parked || asleep) return "runs";
    if (ctx.clock.now() >= until) return "stopped";
    await ctx.clock.sleep(LOOK_EVERY);
  }
}

/**
 * The new container was stopped by somebody. Compose's `up` may have chosen the kept old one of the two: then it removes
 * the new one next, and starts the other.
 *
 * @throws Interrupted where that is so
 */
export async function expectKept(ctx: RollContext, { newId }: Swap): Promise<void> {
  const until = ctx.clock.now() + SETTLES_IN;
  while (ctx.clock.now() < until) {
    const now = await ctx.docker.inspect(newId);
    if (now === null) throw new Interrupted("its new container was removed by somebody else");
    if (isUp(now)) return;
    await ctx.clock.sleep(LOOK_EVERY, ctx.shutdown);
    if (ctx.shutdown.aborted) return;
  }
}

/** False: there is nothing to take the place of any more, and what is to be done has been done. */
export async function isThere(ctx: RollContext, member: Member, swap: Swap): Promise<boolean> {
  const fate = await fateOf(ctx, member);
  if (fate === "runs") return true;
  const copy = await ctx.docker.inspect(swap.newId);
  if (fate === "gone" && copy !== null) {
    member.touched = true;
    ctx.hands.release(swap.newId);
    if (copy.name !== swap.final) await ctx.docker.rename(swap.newId, swap.final);
    await ctx.docker.start(swap.newId);
    return false;
  }
  await leave(ctx, member, swap);
  return false;
}

/** Stopped or removed by a person, which stands. */
export async function leave(ctx: RollContext, member: Member, { newId }: Swap): Promise<void> {
  if ((await ctx.docker.inspect(newId)) !== null) await discard(ctx, newId);
  member.swap = null;
  member.left = true;
}
