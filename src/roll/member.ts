/**
 * One container of a unit, whatever its service's on-change says: parked, forward, down, back, and the end of either.
 * The unit composes these without knowing the kind.
 */
import { isUp } from "../container-state.ts";
import type { Inspected } from "../docker/port.ts";
import type { Consumer, MemberOutcome, OnChange, Proving, SeenEntry } from "../types.ts";
import type { RollContext } from "./context.ts";
import { gate, GateFailure, Interrupted, type Proof } from "./gate.ts";
import { expectKept, fateOf, isThere, leave } from "./fate.ts";
import { nudge, nudgeBack } from "./nudge.ts";
import type { MemberRecord } from "./record.ts";
import {
  bringBack,
  carryOver,
  compare,
  createCandidate,
  discard,
  mustInspect,
  readOld,
  startBeside,
  stepIn,
  type Swap,
  swapIn,
  takeDown,
  takeOver,
  tellOfRest,
  wasRemoved,
} from "./swap.ts";
import type { UnitMark } from "./journal.ts";

export interface Member {
  readonly proving: Proving;
  /** Its drop; null: it asks for no secrets, or keeps those that it has. */
  readonly volume: string | null;
  readonly onChange: OnChange;
  readonly order: Consumer["order"];
  readonly onFailure: Consumer["onFailure"];
  readonly wave: number;
  /** Services that it is stopped for, before they are replaced. */
  readonly follows: readonly string[];
  /** Its own secrets do not change. */
  readonly isFollower: boolean;
  /** The container that ran before. */
  oldId: string;
  /** Set once a candidate exists; a restarted or signalled container has none. */
  swap: Swap | null;
  /** The old container was stopped, restarted or signalled: from here on the way back has work to do. */
  touched: boolean;
  /** Stopped by us before its turn, because of one that it follows. */
  parked: boolean;
  /** It did not run before either: copied, because of one that it follows, and not started. */
  asleep: boolean;
  /** Stopped or removed by somebody since the look: it has its files and is not started (DESIGN.md rule 8). */
  left: boolean;
  /** The old container was removed by somebody: what failed then was no fault of the files. */
  removed: boolean;
  /** Its own restart policy; null: it is not replaced, or nobody has looked yet. */
  policy: MemberRecord["policy"];
  /** Milliseconds since the epoch; null: it has not been stopped, or signalled. */
  stoppedAt: number | null;
  signalledAt: number | null;
  /** It was not running steadily, or not healthy, before: back again, it cannot prove what it did not have. */
  wasAiling: boolean;
  downtime: number;
  /** A follower that was not healthy before proves nothing by not being it afterwards. */
  lenient: boolean;
  proof: Proof;
  failure: string | null;
}

type Given = "proving" | "volume" | "onChange" | "order" | "onFailure" | "wave" | "follows" | "isFollower" | "oldId";

export function newMember(given: Pick<Member, Given>): Member {
  return {
    ...given,
    swap: null,
    touched: false,
    parked: false,
    asleep: false,
    left: false,
    removed: false,
    policy: null,
    stoppedAt: null,
    signalledAt: null,
    wasAiling: false,
    downtime: 0,
    lenient: false,
    proof: "unproven",
    failure: null,
  };
}

export const liveId = (member: Member): string => member.swap?.newId ?? member.oldId;

/** What a candidate is made with. */
export interface Job {
  readonly mark: UnitMark;
  /** Volume to generation id. */
  readonly wanted: Readonly<Record<string, string>>;
  /** Ids of old containers to those of their successors: namespaces follow them. */
  readonly replaced: Map<string, string>;
}

/** Its turn has not come, but one that it follows is about to be stopped. The caller has written it down. */
export async function park(ctx: RollContext, member: Member): Promise<void> {
  const container = await ctx.docker.inspect(member.oldId);
  if (container === null || !isUp(container)) {
    member.parked = false;
    member.left = !member.asleep;
    return;
  }
  member.wasAiling = isAiling(container, ctx.clock.now());
  member.lenient = member.isFollower && container.health !== null && container.health.status !== "healthy";
  member.touched = true;
  member.stoppedAt = ctx.clock.now();
  ctx.hands.expectStop(member.oldId);
  await ctx.docker.stop(member.oldId);
}

export async function forward(ctx: RollContext, member: Member, job: Job): Promise<void> {
  await requireServer(ctx, member);
  const old = await ctx.docker.inspect(member.oldId);
  if (old === null || !(isUp(old) || member.parked || member.asleep)) {
    member.left = true;
    return;
  }
  if (!member.parked) member.wasAiling = isAiling(old, ctx.clock.now());
  member.stoppedAt ??= ctx.clock.now();
  if (member.onChange.kind === "recreate") await replace(ctx, member, old, job);
  else {
    member.touched = true;
    member.downtime = await nudge(ctx, member, isUp(old));
  }
}

/**
 * Of `exec:`: stopped since it was looked at, it would keep its old password while its clients get the new one. The next
 * look holds them all back.
 */
export async function requireServer(ctx: RollContext, { onChange, oldId, proving }: Member): Promise<void> {
  if (onChange.kind !== "exec") return;
  const server = await ctx.docker.inspect(oldId);
  if (server === null || isUp(server)) return;
  throw new Interrupted(`service ${proving.service} was stopped, and the command of its sidecrypt.on-change needs it`);
}

/** Milliseconds. The engine takes a container that ran for so long for one that works, and restarts it at once again. */
const STEADY_AFTER = 10_000;

/** One that loops through crashes runs for a moment each time, and the look may come just then. */
function isAiling({ state, health, restartCount, startedAt }: Inspected, now: number): boolean {
  if (state !== "running" || health?.status === "unhealthy") return true;
  return restartCount > 0 && health?.status !== "healthy" && now - Date.parse(startedAt ?? "") < STEADY_AFTER;
}

async function replace(
  ctx: RollContext,
  member: Member,
  old: Inspected,
  { mark, wanted, replaced }: Job,
): Promise<void> {
  const generation = member.volume === null ? null : (wanted[member.volume] ?? null);
  const reading = readOld(ctx, old);
  // Known before it is filled and compared: whatever fails from here on, the way back removes it.
  member.swap = await createCandidate(ctx, old, { generation, unit: mark }, replaced);
  if (await wasRemoved(ctx, member.swap)) return leave(ctx, member, member.swap);
  await carryOver(ctx, old, member.swap.newId, reading);
  await compare(ctx, old, member.swap.newId, replaced);
  replaced.set(member.oldId, member.swap.newId);
  if (!(await isThere(ctx, member, member.swap))) return;
  if (member.order === "start-first" && isUp(old)) {
    await startBeside(ctx, member.swap);
    return;
  }
  member.touched = true;
  if (member.asleep && !isUp(old)) return stepIn(ctx, member.swap);
  await swapIn(ctx, member.swap, isUp(old));
  member.downtime = ctx.clock.now() - (member.stoppedAt ?? ctx.clock.now());
}

/** `until` also ends the wait when another member of the wave has failed. */
export async function prove(ctx: RollContext, member: Member, until: AbortSignal): Promise<void> {
  if (member.asleep) return;
  // Beside the gate, which mostly waits.
  const telling = member.swap === null ? null : tellOfRest(ctx, member.swap);
  try {
    await passGate(ctx, member, until);
  } finally {
    await telling;
  }
}

async function passGate(ctx: RollContext, member: Member, until: AbortSignal): Promise<void> {
  const id = liveId(member);
  member.proof = await gate({ ...ctx, shutdown: until }, id, member.proving, {
    lenient: member.lenient,
    since: member.signalledAt,
  });
  if (member.proof === "stopped-by-hand" && member.swap !== null) await expectKept(ctx, member.swap);
  if (member.swap === null || member.touched) return;
  // start-first: proven beside the old one, which makes room only now.
  member.touched = true;
  await takeOver(ctx, member.swap);
}

/** Where `on-failure` says that a failed gate takes nothing back; what else went wrong is thrown on. */
export async function keepFailing(ctx: RollContext, member: Member, thrown: unknown): Promise<void> {
  if (member.onFailure === "rollback" || !(thrown instanceof GateFailure)) throw thrown;
  member.failure = thrown.message;
  if (member.swap !== null && !member.touched) {
    member.touched = true;
    await takeOver(ctx, member.swap);
  }
  const container = await mustInspect(ctx, liveId(member));
  if (member.onFailure === "stop" && isUp(container)) {
    ctx.hands.expectStop(container.id);
    await ctx.docker.stop(container.id);
  }
}

/** What `on-failure` makes of one that failed. */
export const leftAs = ({ onFailure }: Member): "running" | "stopped" => (onFailure === "stop" ? "stopped" : "running");

/**
 * The kept old container may have been removed: Compose's `up` keeps the newest of two (H6). Its faithful copy is then
 * all that is left of the service, and goes back in place: under its name, to the old files, by a restart. Where nothing
 * is left a person has taken the service away, and nothing is brought back.
 */
export async function keepWhatIsLeft(ctx: RollContext, member: Member): Promise<void> {
  if (member.left || (await isKept(ctx, member))) return;
  const { swap } = member;
  ctx.hands.release(member.oldId);
  const copy = swap === null ? null : await ctx.docker.inspect(swap.newId);
  member.swap = null;
  member.removed = true;
  member.parked = false;
  member.left = swap === null || copy === null;
  member.touched = !member.left;
  if (swap === null || copy === null) return;
  ctx.hands.release(copy.id);
  if (copy.name !== swap.final) await ctx.docker.rename(copy.id, swap.final);
  member.oldId = copy.id;
}

/** One of which Compose's `up` has stopped the old container may lose it in a moment: its copy must be there then. */
async function isKept(ctx: RollContext, member: Member): Promise<boolean> {
  if (member.swap === null || member.touched) return (await ctx.docker.inspect(member.oldId)) !== null;
  const fate = await fateOf(ctx, member);
  if (fate === "stopped") await leave(ctx, member, member.swap);
  return fate !== "gone";
}

/**
 * Way back, first half: the new one no longer runs. One that was restarted in place runs on till `back`; one that was
 * parked for another must not run while that one is replaced.
 */
export async function down(ctx: RollContext, member: Member): Promise<void> {
  if (member.left) return;
  if (member.swap !== null) return takeDown(ctx, member.swap);
  if (!member.parked || !member.touched || !isUp(await mustInspect(ctx, member.oldId))) return;
  ctx.hands.expectStop(member.oldId);
  await ctx.docker.stop(member.oldId);
}

/** Way back, second half, after the files were flipped: the old one runs again, unless a human stopped it meanwhile. */
export async function back(ctx: RollContext, member: Member): Promise<void> {
  await keepWhatIsLeft(ctx, member);
  if (member.left) return;
  const startIt = !ctx.hands.stoppedByHand(liveId(member)) && !member.asleep;
  if (member.swap !== null) return bringBack(ctx, member.swap, startIt);
  if (member.touched && startIt) await nudgeBack(ctx, member);
}

/** Removes the container that is not needed any more: the backup after a commit, the candidate after a way back. */
export async function tidy(ctx: RollContext, member: Member, committed: boolean): Promise<void> {
  if (member.swap === null) return;
  // No path removes the last container of a service.
  if (!committed && (await ctx.docker.inspect(member.swap.oldId)) === null) return back(ctx, member);
  if (committed && (await ctx.docker.inspect(member.swap.newId)) === null) {
    return bringBack(ctx, member.swap, !ctx.hands.stoppedByHand(member.swap.oldId));
  }
  // An engine that was restarted meanwhile has brought it up again, where its restart policy is `always` (H22).
  if (!committed) await takeDown(ctx, member.swap);
  await discard(ctx, committed ? member.swap.oldId : member.swap.newId);
}

/** What the running ones of these have loaded. */
export async function recordSeen(
  ctx: RollContext,
  members: readonly Member[],
  volume: string,
  generation: string,
  idOf: (member: Member) => string,
): Promise<void> {
  const group = members.filter((member) => member.volume === volume);
  const seen = await Promise.all(group.map((one) => seenBy(ctx, idOf(one), generation)));
  const entries = seen.filter((entry) => entry !== null);
  await ctx.drops.markSeen(volume, entries);
}

/** Null: it does not run. */
export async function seenBy(ctx: RollContext, id: string, generation: string): Promise<SeenEntry | null> {
  const container = await ctx.docker.inspect(id);
  if (container === null || !isUp(container) || container.startedAt === null) return null;
  return { container: id, startedAt: container.startedAt, generation };
}

export function outcomeOf(member: Member, wanted: Job["wanted"]): MemberOutcome {
  return {
    service: member.proving.service,
    before: member.oldId,
    after: liveId(member),
    downtime: member.downtime,
    unproven: member.proof !== "proven",
    failure: member.failure,
    left: leftAs(member),
    generation: member.volume === null ? null : (wanted[member.volume] ?? null),
  };
}
