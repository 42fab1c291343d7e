/**
 * A unit is one transaction (DESIGN.md rule 7): files first, then servers before clients, each wave together, each
 * container gated; the kept old ones are removed only when all have passed. When one gate fails: the new ones down,
 * clients first; the files back; the old ones up, servers first, each gated. Never a way back of a way back.
 */
import { randomBytes } from "node:crypto";
import { groupBy } from "../collections.ts";
import { type ErrorCode, SidecryptError, toSidecryptError } from "../errors.ts";
import { faultOf } from "../fault.ts";
import type { Fault, Outcome, RollStep, Unit } from "../types.ts";
import type { RollContext } from "./context.ts";
import { gate, Interrupted } from "./gate.ts";
import { shortId, type UnitMark } from "./journal.ts";
import {
  back,
  down,
  forward,
  keepWhatIsLeft,
  liveId,
  type Member,
  newMember,
  outcomeOf,
  prove,
  seenBy,
  tidy,
} from "./member.ts";
import { refuseParent, refuseUncopyable } from "./spec.ts";
import { isUp } from "../container-state.ts";
import { mustInspect } from "./swap.ts";

/** Volume to the generation id that it holds once the unit has committed. */
export type WantedIds = Readonly<Record<string, string>>;

export interface Wave {
  readonly members: readonly Member[];
}

/** Never throws for what the world does: every way ends in an Outcome. */
export async function rollUnit(ctx: RollContext, unit: Unit): Promise<Outcome> {
  const wanted = unit.generations;
  const waves = wavesOf(unit.steps);
  const count = waves.reduce((sum, wave) => sum + wave.members.length, 0);
  const mark: UnitMark = { operation: randomBytes(8).toString("hex"), members: count };
  try {
    await preflight(ctx, unit);
    for (const step of unit.deliveries) await ctx.drops.deliver(step.generation, step.adopt);
    for (const wave of waves) await rollWave(ctx, wave, wanted, mark);
    await checkAllUp(ctx, waves);
  } catch (thrown) {
    return wayBack(ctx, waves, volumesOf(unit), toSidecryptError(thrown));
  }
  return commitUnit(ctx, waves, volumesOf(unit), wanted);
}

function wavesOf(steps: readonly RollStep[]): Wave[] {
  const numbers = [...new Set(steps.map((step) => step.wave))].toSorted((a, b) => a - b);
  return numbers.map((number) => ({
    members: steps
      .filter((step) => step.wave === number)
      .flatMap((step) => step.containers.map((container) => newMember(step.consumer, container.id))),
  }));
}

export function volumesOf(unit: Unit): string[] {
  const rolled = unit.steps.map((step) => step.consumer.volume);
  return [...new Set([...unit.deliveries.map((step) => step.generation.volume), ...rolled])];
}

/** All that can be refused is refused before the first container is touched. */
async function preflight(ctx: RollContext, unit: Unit): Promise<void> {
  const stopped = unit.steps.filter(({ consumer }) => ["recreate", "restart"].includes(consumer.onChange.kind));
  if (stopped.length === 0) return;
  const listed = await ctx.docker.list();
  const all = (await Promise.all(listed.map((row) => ctx.docker.inspect(row.id)))).filter((one) => one !== null);
  for (const { consumer, containers } of stopped) {
    for (const { id } of containers) {
      const old = await mustInspect(ctx, id);
      if (consumer.onChange.kind === "recreate") refuseUncopyable(old);
      refuseParent(old, all);
    }
  }
}

/** Services of a wave together, the replicas of one service one at a time. */
async function rollWave(ctx: RollContext, wave: Wave, wanted: WantedIds, mark: UnitMark): Promise<void> {
  const failure = new AbortController();
  const until = AbortSignal.any([ctx.shutdown, failure.signal]);
  const services = groupBy(wave.members, (member) => member.consumer.service);
  const results = await Promise.allSettled(
    [...services.values()].map(async (replicas) => {
      for (const member of replicas) {
        if (until.aborted) throw new Interrupted();
        await rollMember(ctx, member, wanted, mark, until).catch((thrown: unknown) => {
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

async function rollMember(
  ctx: RollContext,
  member: Member,
  wanted: WantedIds,
  mark: UnitMark,
  until: AbortSignal,
): Promise<void> {
  const { service, volume } = member.consumer;
  await forward(ctx, member, wanted[volume] ?? "", mark);
  if (member.left) return;
  ctx.log.info("container-started", { service, container: liveShort(member), downtimeMs: member.downtime });
  await prove(ctx, member, until);
  ctx.log.info("container-passed", { service, container: liveShort(member), proof: member.proof });
}

const liveShort = (member: Member): string => shortId(liveId(member));

const standing = (waves: readonly Wave[]): Member[] => waves.flatMap((wave) => wave.members).filter((one) => !one.left);

/** A server that passed its gate may have died while its clients were rolled. */
async function checkAllUp(ctx: RollContext, waves: readonly Wave[]): Promise<void> {
  for (const member of standing(waves)) {
    const id = liveId(member);
    if (!ctx.hands.stoppedByHand(id) && !isUp(await mustInspect(ctx, id))) {
      throw new SidecryptError("roll-failed", `service ${member.consumer.service}: it stopped after its gate`);
    }
  }
}

/**
 * The first backup removed means that the unit has committed: nothing after it may go back. What fails here is not lost
 * either: the next look finds a backup beside a proven container, or a generation that nobody is going back from.
 */
export async function commitUnit(
  ctx: RollContext,
  waves: readonly Wave[],
  volumes: readonly string[],
  wanted: WantedIds,
): Promise<Outcome> {
  const members = standing(waves);
  const finish = async (subject: string, work: Promise<void>): Promise<void> => {
    await work.catch((thrown: unknown) => {
      ctx.log.warn("commit-unfinished", { subject, code: toSidecryptError(thrown).code });
    });
  };
  for (const volume of volumes) await finish(volume, recordSeen(ctx, members, volume, wanted[volume] ?? ""));
  for (const member of members) await finish(member.consumer.service, tidy(ctx, member, true));
  for (const volume of volumes) await finish(volume, ctx.drops.commit(volume));
  return { kind: "committed", members: members.map(outcomeOf) };
}

async function recordSeen(
  ctx: RollContext,
  members: readonly Member[],
  volume: string,
  generation: string,
): Promise<void> {
  const group = members.filter((member) => member.consumer.volume === volume);
  const seen = await Promise.all(group.map((one) => seenBy(ctx, liveId(one), generation)));
  await ctx.drops.markSeen(
    volume,
    seen.filter((entry) => entry !== null),
  );
}

/** They started after the files were flipped back, perhaps too soon after it for their start time to show it. */
async function recordOld(ctx: RollContext, members: readonly Member[]): Promise<void> {
  const olds = members.map((member) => ({ ...member, swap: null }));
  for (const volume of new Set(members.map((member) => member.consumer.volume))) {
    const generation = await ctx.drops.currentId(volume);
    if (generation !== null) await recordSeen(ctx, olds, volume, generation);
  }
}

/** Shared with recovery, which builds the members from what it finds. */
export async function wayBack(
  ctx: RollContext,
  waves: readonly Wave[],
  volumes: readonly string[],
  cause: SidecryptError,
): Promise<Outcome> {
  const fault = faultOf(cause, "unit");
  ctx.log.warn("way-back", { ...fault });
  const members = waves.flatMap((wave) => wave.members);
  try {
    for (const member of members) await persist(ctx, () => keepWhatIsLeft(ctx, member));
    for (const wave of waves.toReversed()) await allOf(wave.members.map((one) => persist(ctx, () => down(ctx, one))));
    for (const volume of volumes) await persist(ctx, () => ctx.drops.flipBack(volume));
    for (const wave of waves) await bringWaveBack(ctx, wave);
    await persist(ctx, () =>
      recordOld(
        ctx,
        members.filter((member) => member.touched),
      ),
    );
    for (const member of members) await persist(ctx, () => tidy(ctx, member, false));
  } catch (thrown) {
    return { kind: "stuck", fault: stuckFault(fault, toSidecryptError(thrown)) };
  }
  // Refused before anything was touched: no file had a part in it.
  const isEngines = cause.code.startsWith("docker-") && !members.some((member) => member.touched);
  return { kind: isEngines || mayPassLater(cause) ? "undone" : "rolled-back", fault };
}

async function bringWaveBack(ctx: RollContext, wave: Wave): Promise<void> {
  await allOf(wave.members.map((one) => persist(ctx, () => back(ctx, one))));
  const gated = wave.members.filter((member) => member.touched && !ctx.hands.stoppedByHand(member.oldId));
  // A sidecar that is stopping has no time left to watch: running is what it can still give.
  if (ctx.shutdown.aborted) return;
  await allOf(gated.map((member) => gateOld(ctx, member)));
}

/** All have ended before the first failure is told: nothing goes on behind the back of what follows. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw toSidecryptError(failed.reason);
}

/** Milliseconds before another try: an engine that hiccups must not leave a bot down. Each step is idempotent. */
const PAUSES = [200, 500, 1_000, 2_000, 5_000];

async function persist(ctx: RollContext, step: () => Promise<void>): Promise<void> {
  for (const pause of PAUSES) {
    try {
      await step();
      return;
    } catch (thrown) {
      if (toSidecryptError(thrown).code === "rollback-failed") throw thrown;
    }
    await ctx.clock.sleep(pause);
  }
  await step();
}

async function gateOld(ctx: RollContext, member: Member): Promise<void> {
  const container = await mustInspect(ctx, member.oldId);
  if (!isUp(container)) return;
  try {
    await gate(ctx, member.oldId, member.consumer);
  } catch (thrown) {
    if (!(thrown instanceof Interrupted)) throw thrown;
  }
}

/** What the same files could pass another time is not quarantined. */
function mayPassLater(cause: SidecryptError): boolean {
  const outside: readonly ErrorCode[] = ["docker-unreachable", "not-supported"];
  return cause instanceof Interrupted || outside.includes(cause.code) || cause.code.startsWith("drop-");
}

function stuckFault(first: Fault, second: SidecryptError): Fault {
  return {
    code: second.code === "docker-unreachable" ? second.code : "rollback-failed",
    subject: first.subject,
    message: `${first.message}; and on the way back: ${second.message}`,
    hint: "both containers are kept: look at them, then run sidecrypt retry in the sidecar's container",
  };
}
