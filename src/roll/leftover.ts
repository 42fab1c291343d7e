/**
 * What a cut-off roll left, put together from the record and from Docker's own state (recreate.md §5: by state, never by
 * name alone). Pure, but for the inspection that tells a candidate's own restart policy.
 */
import { groupBy } from "../collections.ts";
import { isUp } from "../container-state.ts";
import { strangerOf } from "../plan/follow.ts";
import { waves } from "../plan/graph.ts";
import type { Consumer, Observed, ObservedContainer, ObservedDrop, OnChange } from "../types.ts";
import type { RollContext } from "./context.ts";
import { backupName, canonicalName, LABEL_GENERATION, LABEL_REPLACES, LABEL_UNIT, parseUnit } from "./journal.ts";
import { type Member, newMember } from "./member.ts";
import type { MemberRecord, RollRecord } from "./record.ts";
import { mustInspect, policyOf } from "./swap.ts";

export interface Scene extends Pick<Observed, "containers" | "drops"> {
  /** As the plan understood them. */
  readonly consumers: readonly Consumer[];
}

export interface Found {
  readonly member: Member;
  /** It runs on the new generation, under its final name. */
  readonly isSwapped: boolean;
  /** The container that it replaces is gone. */
  readonly isOldGone: boolean;
  /** The kept old container runs, though it should not, or has read the new files. */
  readonly isOldAstray: boolean;
}

export interface Cut {
  readonly record: RollRecord;
  /** How many members it had. */
  readonly expected: number;
}

/** Those that are written down, and those of which only candidates tell (the state volume was lost). */
export function leftoversOf(records: readonly RollRecord[], scene: Scene): Cut[] {
  const known = new Set(records.map((record) => record.operation));
  const marked = scene.containers.filter((one) => operationOn(one) !== null);
  const groups = groupBy(marked, (one) => operationOn(one) ?? "");
  const unwritten = [...groups].filter(([id, group]) => !known.has(id) && group.some((one) => one.replaces !== null));
  const written = records.map((record) => ({ record, expected: record.members.length }));
  const guessed = unwritten.map(([operation, group]) => ({
    record: reconstructed(operation, group, scene),
    expected: parseUnit(group[0]?.labels[LABEL_UNIT])?.members ?? 0,
  }));
  return [...written, ...guessed];
}

/** Drops that a cut-off roll may still have to flip back: nobody else commits or empties them. */
export function leftoverVolumes(records: readonly RollRecord[], containers: readonly ObservedContainer[]): Set<string> {
  const candidates = containers.filter((one) => one.replaces !== null);
  const written = records.flatMap((record) => record.members.flatMap((member) => member.volume ?? []));
  return new Set([...written, ...candidates.flatMap((one) => one.mounts.map((mount) => mount.volume))]);
}

const operationOn = ({ labels }: ObservedContainer): string | null => parseUnit(labels[LABEL_UNIT])?.operation ?? null;

function reconstructed(operation: string, group: readonly ObservedContainer[], scene: Scene): RollRecord {
  const replaced = group.map((one) => [one.service, one.labels[LABEL_REPLACES] ?? "", "recreate"] as const);
  const nudged = nudgedOf(scene).map(([consumer, { id }]) => [consumer.service, id, consumer.onChange.kind] as const);
  const rows = [...replaced, ...nudged];
  const order = new Map(scene.consumers.map((one) => [one.service, new Set(one.after)]));
  const levels = waves(order, new Set(rows.map(([service]) => service)));
  const members = rows.map(([service, container, kind]): MemberRecord => {
    const volume = scene.consumers.find((one) => one.service === service)?.volume ?? null;
    const how = kind === "none" ? "signal" : kind;
    const wave = levels.get(service) ?? 0;
    return { service, container, volume, how, wave, follows: [], parked: false, asleep: false, policy: null };
  });
  return { operation, phase: "rolling", generations: generationsOf(group, scene), members, givenUp: null };
}

/** Members that leave no labels: those of drops that still have a generation to go back to. */
function nudgedOf({ consumers, drops }: Scene): (readonly [Consumer, ObservedContainer])[] {
  return consumers
    .filter(({ onChange }) => onChange.kind !== "recreate" && onChange.kind !== "none")
    .filter(({ volume }) => (dropOf(volume, drops)?.previous ?? null) !== null)
    .flatMap((consumer) => consumer.containers.filter(isUp).map((container) => [consumer, container] as const));
}

function generationsOf(group: readonly ObservedContainer[], { consumers, drops }: Scene): Record<string, string> {
  const labelled = consumers.flatMap(({ service, volume }) => {
    const id = group.find((one) => one.service === service)?.labels[LABEL_GENERATION];
    return id === undefined ? [] : [[volume, id] as const];
  });
  const open = drops.flatMap(({ volume, current, previous }) =>
    current === null || previous === null ? [] : [[volume, current.id] as const],
  );
  return Object.fromEntries([...open, ...labelled]);
}

/** Null: a person has taken it away. */
export async function findMember(
  ctx: RollContext,
  record: RollRecord,
  written: MemberRecord,
  scene: Scene,
): Promise<Found | null> {
  const old = scene.containers.find((one) => one.id === written.container) ?? null;
  const candidate = scene.containers.find(
    (one) => one.labels[LABEL_REPLACES] === written.container && operationOn(one) === record.operation,
  );
  const member = memberOf(written, scene);
  if (candidate !== undefined) return replacedMember(ctx, member, candidate, old);
  if (old === null) return null;
  if (written.how === "recreate" && old.name === backupName(canonicalName(old.name), old.id)) return alone(member, old);
  member.touched = written.parked || written.how === "signal" || written.how === "exec";
  const isCutOff = ctx.records.restarts.includes(old.id) && !isUp(old);
  if (written.how === "restart" && (isCutOff || isRestarted(written, old, scene))) member.touched = true;
  const isSwapped = written.how === "restart" && isUp(old) && isRestarted(written, old, scene);
  return { member, isSwapped, isOldGone: false, isOldAstray: false };
}

/** Docker knows no such container. */
const NOBODY = "0".repeat(64);

/** Somebody removed the new one while no sidecar was there to see it: the kept one is all that is left. */
function alone(member: Member, old: ObservedContainer): Found {
  const policy = member.policy ?? { Name: old.restartPolicy, MaximumRetryCount: 0 };
  const final = canonicalName(old.name);
  member.swap = { final, oldId: old.id, newId: NOBODY, policy, startedAt: null, named: [] };
  member.touched = true;
  return { member, isSwapped: false, isOldGone: false, isOldAstray: isUp(old) };
}

function memberOf({ service, container, how, wave, follows, ...rest }: MemberRecord, scene: Scene) {
  const { volume, parked, asleep, policy } = rest;
  const consumer = scene.consumers.find((one) => one.service === service);
  const member = newMember({
    proving: consumer ?? strangerOf(service),
    volume,
    onChange: onChangeOf(how, consumer),
    order: "stop-first",
    onFailure: consumer?.onFailure ?? "rollback",
    wave,
    follows,
    isFollower: volume === null,
    oldId: container,
  });
  return Object.assign(member, { parked, asleep, policy, lenient: volume === null });
}

/** The signal's name and the command stand on the container's own labels. */
function onChangeOf(how: MemberRecord["how"], consumer: Consumer | undefined): OnChange {
  if (how === "recreate" || how === "restart") return { kind: how };
  return consumer?.onChange.kind === how ? consumer.onChange : { kind: "restart" };
}

/** Of a signal or a command nothing can be seen: it counts as not done. */
function isRestarted(written: MemberRecord, old: ObservedContainer, { drops }: Scene): boolean {
  if (written.volume === null) return written.parked && isUp(old);
  const drop = dropOf(written.volume, drops);
  const flipped = drop === undefined || drop.previous === null ? null : drop.current;
  return old.startedAt !== null && flipped !== null && Date.parse(old.startedAt) >= flipped.deliveredAt;
}

async function replacedMember(
  ctx: RollContext,
  member: Member,
  candidate: ObservedContainer,
  old: ObservedContainer | null,
): Promise<Found> {
  const made = await mustInspect(ctx, candidate.id);
  const final = canonicalName(candidate.name);
  member.swap = {
    final,
    oldId: member.oldId,
    newId: candidate.id,
    policy: policyOf(made),
    startedAt: old?.startedAt ?? null,
    // Whether they were named before the roll was cut off, nobody knows.
    named: [],
  };
  const isOldUp = old !== null && isUp(old);
  member.touched = candidate.startedAt !== null || !isOldUp;
  // Started by somebody, or by the engine (H22), while no sidecar was there to stop it.
  const isOldAstray = isOldUp && old.startedAt !== null && Date.parse(old.startedAt) > Date.parse(made.created);
  const isInPlace = candidate.state === "running" || member.asleep;
  return { member, isSwapped: isInPlace && candidate.name === final, isOldGone: old === null, isOldAstray };
}

function dropOf(volume: string, drops: readonly ObservedDrop[]): ObservedDrop | undefined {
  return drops.find((drop) => drop.volume === volume);
}

/** The id in `sidecrypt.replaces` where that container still exists, else null. */
export function replacedBy(labels: Readonly<Record<string, string>>, alive: ReadonlySet<string>): string | null {
  const id = labels[LABEL_REPLACES];
  return id !== undefined && alive.has(id) ? id : null;
}
