/** One roll of one unit: its members in waves, what it is made with, and what is written down of it. */
import { randomBytes } from "node:crypto";
import { groupBy } from "../collections.ts";
import type { Fault, FollowStep, RollStep, Unit } from "../types.ts";
import type { RollContext } from "./context.ts";
import { type Job, type Member, newMember } from "./member.ts";
import type { MemberRecord, RollRecord } from "./record.ts";

/** Volume to the generation id that it holds once the unit has committed. */
export type WantedIds = Readonly<Record<string, string>>;

export interface Wave {
  readonly members: readonly Member[];
}

export interface Operation extends Job {
  readonly wanted: WantedIds;
  /** Servers first. */
  readonly waves: readonly Wave[];
  /** Every drop of which the unit changes the files, also of services that it does not touch. */
  readonly volumes: readonly string[];
}

export function operationOf(unit: Unit): Operation {
  const members = [...unit.steps.flatMap(affected), ...unit.followers.map(following)];
  return {
    mark: { operation: randomBytes(8).toString("hex"), members: members.length },
    wanted: unit.generations,
    replaced: new Map(),
    waves: wavesOf(members),
    volumes: volumesOf(unit),
  };
}

function affected({ consumer, containers, wave, follows }: RollStep): Member[] {
  const { volume, onChange, order, onFailure } = consumer;
  const given = { proving: consumer, volume, onChange, order, onFailure, wave, follows, isFollower: false };
  return containers.map((container) => newMember({ ...given, oldId: container.id }));
}

function following({ proving, container, how, wave, follows }: FollowStep): Member {
  const member = newMember({
    proving,
    volume: null,
    onChange: { kind: how === "rejoin" ? "recreate" : "restart" },
    order: "stop-first",
    onFailure: "rollback",
    wave,
    follows,
    isFollower: true,
    oldId: container.id,
  });
  member.asleep = container.state === "exited" || container.state === "created";
  return member;
}

export function volumesOf(unit: Unit): string[] {
  const rolled = unit.steps.map((step) => step.consumer.volume);
  return [...new Set([...unit.deliveries.map((step) => step.generation.volume), ...rolled])];
}

export function wavesOf(members: readonly Member[]): Wave[] {
  const levels = [...groupBy(members, (member) => member.wave)].toSorted(([a], [b]) => a - b);
  return levels.map(([, level]) => ({ members: level }));
}

export const membersOf = ({ waves }: Pick<Operation, "waves">): Member[] => waves.flatMap((wave) => wave.members);

/** It does not run all the time while it is rolled: what shares with it, or depends on it, may not go on either. */
export const isStopped = ({ onChange }: Pick<Member, "onChange">): boolean =>
  onChange.kind === "recreate" || onChange.kind === "restart";

/** Those that somebody took away are nobody's any more. */
export const standing = (operation: Pick<Operation, "waves">): Member[] =>
  membersOf(operation).filter((member) => !member.left);

/** The engine was gone in the middle of the way back: what it left is recovered once it is there again. */
export const isGivenUp = ({ code }: Pick<Fault, "code">): boolean => code !== "docker-unreachable";

/** Before anything of it is done: what a killed sidecar is to find. */
export async function save(
  ctx: RollContext,
  operation: Operation,
  phase: RollRecord["phase"],
  fault: Fault | null = null,
): Promise<void> {
  await ctx.records.write({
    operation: operation.mark.operation,
    phase,
    generations: { ...operation.wanted },
    members: membersOf(operation).map(recordOf),
    givenUp: fault,
  });
}

function recordOf({ proving, oldId, onChange, follows, ...rest }: Member): MemberRecord {
  const { volume, wave, parked, asleep, policy } = rest;
  // Nothing is rolled by `none`.
  const how = onChange.kind === "none" ? "signal" : onChange.kind;
  const same = { volume, wave, parked, asleep, policy };
  return { service: proving.service, container: oldId, how, follows: [...follows], ...same };
}
