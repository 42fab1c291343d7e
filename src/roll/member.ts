/**
 * One container of a unit, whatever its service's on-change says: forward, down, back, and the end of either. The unit
 * composes these without knowing the kind.
 */
import { isUp } from "../container-state.ts";
import { SidecryptError } from "../errors.ts";
import type { Consumer, MemberOutcome, SeenEntry } from "../types.ts";
import type { RollContext } from "./context.ts";
import { gate, type Proof } from "./gate.ts";
import type { UnitMark } from "./journal.ts";
import { bringBack, compare, createCandidate, discard, mustInspect, type Swap, swapIn, takeDown } from "./swap.ts";

export interface Member {
  readonly consumer: Consumer;
  /** The container that ran before. */
  oldId: string;
  /** Set once a candidate exists; a restarted or signalled container has none. */
  swap: Swap | null;
  /** The old container was stopped, restarted or signalled: from here on the way back has work to do. */
  touched: boolean;
  /** Stopped or removed by somebody since the look: it has its files and is not started (DESIGN.md rule 8). */
  left: boolean;
  downtime: number;
  proof: Proof;
}

export function newMember(consumer: Consumer, oldId: string): Member {
  return { consumer, oldId, swap: null, touched: false, left: false, downtime: 0, proof: "unproven" };
}

export const liveId = (member: Member): string => member.swap?.newId ?? member.oldId;

export async function forward(ctx: RollContext, member: Member, generation: string, unit: UnitMark): Promise<void> {
  const { kind } = member.consumer.onChange;
  const old = await ctx.docker.inspect(member.oldId);
  if (old === null || !isUp(old)) {
    member.left = true;
    return;
  }
  if (kind === "recreate") {
    // Known before it is compared: whatever fails from here on, the way back removes it.
    member.swap = await createCandidate(ctx, old, generation, unit);
    await compare(ctx, old, member.swap.newId);
    member.touched = true;
    member.downtime = await swapIn(ctx, member.swap);
  } else {
    member.touched = true;
    member.downtime = await nudge(ctx, member);
  }
}

/** Restart or signal in place; returns the downtime. */
async function nudge(ctx: RollContext, member: Member): Promise<number> {
  const { onChange } = member.consumer;
  if (onChange.kind === "signal") {
    ctx.hands.expectSignal(member.oldId);
    await ctx.docker.kill(member.oldId, onChange.signal);
    // A health status from before the signal proves nothing: give the next ones time to come.
    await ctx.clock.sleep(member.consumer.settle, ctx.shutdown);
    return 0;
  }
  if (onChange.kind !== "restart") {
    throw new SidecryptError("internal", `service ${member.consumer.service} cannot be rolled by ${onChange.kind}`);
  }
  const from = ctx.clock.now();
  ctx.hands.expectStop(member.oldId);
  await ctx.docker.restart(member.oldId);
  return ctx.clock.now() - from;
}

/** `until` also ends the wait when another member of the wave has failed. */
export async function prove(ctx: RollContext, member: Member, until: AbortSignal): Promise<void> {
  member.proof = await gate({ ...ctx, shutdown: until }, liveId(member), member.consumer);
}

/**
 * The kept old container may have been removed: Compose's `up` keeps the newest of two (H6). Its faithful copy is then
 * all that is left of the service, and goes back in place: to the old files, by a restart.
 */
export async function keepWhatIsLeft(ctx: RollContext, member: Member): Promise<void> {
  if (member.swap === null || (await ctx.docker.inspect(member.swap.oldId)) !== null) return;
  ctx.hands.release(member.oldId);
  member.oldId = member.swap.newId;
  member.swap = null;
}

/**
 * Way back, first half: the new one no longer runs. One that was restarted in place runs on till `back`: a stopped
 * container without a label of ours would look stopped by hand to the next sidecar, should this one be killed.
 */
export async function down(ctx: RollContext, member: Member): Promise<void> {
  if (member.swap !== null) await takeDown(ctx, member.swap);
}

/** Way back, second half, after the files were flipped: the old one runs again, unless a human stopped it meanwhile. */
export async function back(ctx: RollContext, member: Member): Promise<void> {
  const startIt = !ctx.hands.stoppedByHand(liveId(member));
  if (member.swap !== null) return bringBack(ctx, member.swap, startIt);
  if (!member.touched || !startIt) return;
  const { onChange } = member.consumer;
  if (onChange.kind === "signal" && isUp(await mustInspect(ctx, member.oldId))) {
    ctx.hands.expectSignal(member.oldId);
    return ctx.docker.kill(member.oldId, onChange.signal);
  }
  ctx.hands.expectStop(member.oldId);
  await ctx.docker.restart(member.oldId);
}

/** Removes the container that is not needed any more: the backup after a commit, the candidate after a way back. */
export async function tidy(ctx: RollContext, member: Member, committed: boolean): Promise<void> {
  if (member.swap !== null) await discard(ctx, committed ? member.swap.oldId : member.swap.newId);
}

/** What the member's running container has seen; null: it does not run. */
export async function seenBy(ctx: RollContext, id: string, generation: string): Promise<SeenEntry | null> {
  const container = await mustInspect(ctx, id);
  if (!isUp(container) || container.startedAt === null) return null;
  return { container: id, startedAt: container.startedAt, generation };
}

export function outcomeOf(member: Member): MemberOutcome {
  return {
    service: member.consumer.service,
    before: member.oldId,
    after: liveId(member),
    downtime: member.downtime,
    unproven: member.proof !== "proven",
  };
}
