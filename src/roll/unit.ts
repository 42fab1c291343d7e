/**
 * A unit is one transaction (DESIGN.md rule 7): files first, then servers before clients, each wave together, each
 * container gated; the kept old ones are removed only when all have passed. When one gate fails, all goes back
 * (way-back.ts).
 */
import { isUp } from "../container-state.ts";
import { groupBy } from "../collections.ts";
import { SidecryptError, toSidecryptError } from "../errors.ts";
import type { Outcome, Unit } from "../types.ts";
import type { RollContext } from "./context.ts";
import { Interrupted } from "./gate.ts";
import { shortId } from "./journal.ts";
import {
  forward,
  keepFailing,
  leftAs,
  liveId,
  type Member,
  outcomeOf,
  park,
  prove,
  recordSeen,
  tidy,
} from "./member.ts";
import { isStopped, membersOf, type Operation, operationOf, save, standing, type Wave } from "./operation.ts";
import { preflight } from "./preflight.ts";
import { requireSameDrops } from "./same-drop.ts";
import { mustInspect } from "./swap.ts";
import { wayBack } from "./way-back.ts";

/**
 * Never throws for what the world does: every way ends in an Outcome.
 * @param ready what has to be done, written down say, before anything is touched
 */
export async function rollUnit(
  ctx: RollContext,
  unit: Unit,
  ready: Promise<unknown> = Promise.resolve(),
): Promise<Outcome> {
  const operation = operationOf(unit);
  try {
    await Promise.all([preflight(ctx, operation), ready]);
    await save(ctx, operation, "rolling");
    for (const step of unit.deliveries) await ctx.drops.deliver(step.generation, step.adopt);
    const stopped = membersOf(operation).filter(isStopped);
    await Promise.all(stopped.map(({ oldId }) => requireSameDrops(ctx, oldId)));
    for (const wave of operation.waves) {
      await parkFollowers(ctx, operation, wave);
      await rollWave(ctx, operation, wave);
    }
    await checkAllUp(ctx, operation);
  } catch (thrown) {
    return wayBack(ctx, operation, toSidecryptError(thrown));
  }
  return commitUnit(ctx, operation);
}

/** Those that may not run beside a wave while it is replaced, clients first (H38). */
async function parkFollowers(ctx: RollContext, operation: Operation, wave: Wave): Promise<void> {
  const moving = wave.members.filter(isStopped);
  const followers = followersOf(operation, new Set(moving.map((member) => member.proving.service)));
  const due = followers.filter((member) => !member.parked && !wave.members.includes(member));
  if (due.length === 0) return;
  for (const member of due) member.parked = true;
  await save(ctx, operation, "rolling");
  for (const member of due.toSorted((a, b) => b.wave - a.wave)) await park(ctx, member);
}

/** Directly, or through others that follow. */
function followersOf(operation: Operation, services: ReadonlySet<string>): Member[] {
  const stopping = new Set(services);
  const found: Member[] = [];
  for (let grown = true; grown;) {
    const next = membersOf(operation).filter(
      (member) => !found.includes(member) && member.follows.some((service) => stopping.has(service)),
    );
    found.push(...next);
    for (const { proving } of next) stopping.add(proving.service);
    grown = next.length > 0;
  }
  return found;
}

/** Services of a wave together, the replicas of one service one at a time (H39). */
async function rollWave(ctx: RollContext, operation: Operation, wave: Wave): Promise<void> {
  const failure = new AbortController();
  const until = AbortSignal.any([ctx.shutdown, failure.signal]);
  const services = groupBy(wave.members, (member) => member.proving.service);
  const results = await Promise.allSettled(
    [...services.values()].map(async (replicas) => {
      for (const member of replicas) {
        if (until.aborted) throw new Interrupted();
        await rollMember(ctx, operation, member, until).catch((thrown: unknown) => {
          failure.abort();
          throw thrown;
        });
      }
    }),
  );
  const reasons = results.filter((one) => one.status === "rejected").map((one) => one.reason as unknown);
  // The first real failure is the reason; members that it interrupted are not.
  const cause = reasons.find((reason) => !(reason instanceof Interrupted)) ?? reasons[0];
  if (cause !== undefined) throw toSidecryptError(cause);
}

async function rollMember(ctx: RollContext, operation: Operation, member: Member, until: AbortSignal): Promise<void> {
  const { service } = member.proving;
  try {
    await forward(ctx, member, operation);
    if (member.left) return;
    ctx.log.info("container-started", { service, container: liveShort(member), downtimeMs: member.downtime });
    await prove(ctx, member, until);
    ctx.log.info("container-passed", { service, container: liveShort(member), proof: member.proof });
  } catch (thrown) {
    await keepFailing(ctx, member, thrown);
    const said = { service, container: liveShort(member), reason: member.failure, left: leftAs(member) };
    ctx.log.error("gate-failed", said);
  }
}

const liveShort = (member: Member): string => shortId(liveId(member));

/** A server that passed its gate may have died while its clients were rolled. */
async function checkAllUp(ctx: RollContext, operation: Operation): Promise<void> {
  for (const member of standing(operation)) {
    const id = liveId(member);
    if (member.asleep || member.failure !== null || ctx.hands.stoppedByHand(id)) continue;
    if (!isUp(await mustInspect(ctx, id))) {
      throw new SidecryptError("roll-failed", `service ${member.proving.service}: it stopped after its gate`);
    }
  }
}

/**
 * The first backup removed means that the unit has committed: nothing after it may go back. What fails here is not lost
 * either: the next look finds the record, a backup beside a proven container, or a generation that nobody is going
 * back from.
 */
export async function commitUnit(ctx: RollContext, operation: Operation): Promise<Outcome> {
  const members = standing(operation);
  const unfinished: string[] = [];
  const finish = async (subject: string, work: Promise<void>): Promise<void> => {
    await work.catch((thrown: unknown) => {
      unfinished.push(subject);
      ctx.log.warn("commit-unfinished", { subject, code: toSidecryptError(thrown).code });
    });
  };
  await finish("record", save(ctx, operation, "committing"));
  for (const volume of operation.volumes) {
    await finish(volume, recordSeen(ctx, members, volume, operation.wanted[volume] ?? "", liveId));
  }
  for (const member of members) await finish(member.proving.service, tidy(ctx, member, true));
  for (const volume of operation.volumes) await finish(volume, ctx.drops.commit(volume));
  if (unfinished.length === 0) await finish("record", ctx.records.erase(operation.mark.operation));
  return { kind: "committed", members: members.map((member) => outcomeOf(member, operation.wanted)) };
}
