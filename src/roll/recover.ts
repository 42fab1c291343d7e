/**
 * Finishes or undoes what a killed sidecar left (recreate.md §5, recovery by state, never by name alone). A candidate's
 * labels say which container it replaces and how many members its unit has:
 *
 *   a replaced container is gone          the unit has committed: the other backups go
 *   every member swapped and running      gate again from now, then commit or go back
 *   anything else                         go back; the next look plans it anew
 *
 * Units roll one after another, so every drop that still has a previous generation belongs to the one that was cut off:
 * that is how its restarted and signalled members are found, which leave no labels.
 */
import { groupBy } from "../collections.ts";
import { isUp } from "../container-state.ts";
import { SidecryptError, toSidecryptError } from "../errors.ts";
import type { Consumer, Observed, ObservedContainer, ObservedDrop, Outcome } from "../types.ts";
import type { RollContext } from "./context.ts";
import { Interrupted } from "./gate.ts";
import { canonicalName, LABEL_GENERATION, LABEL_REPLACES, LABEL_UNIT, parseUnit } from "./journal.ts";
import { type Member, newMember, prove } from "./member.ts";
import { mustInspect, policyOf } from "./swap.ts";
import { commitUnit, type WantedIds, type Wave, wayBack } from "./unit.ts";

const CUT_OFF = "a roll was cut off half-way by the end of the sidecar";

export interface Leftover {
  readonly operation: string;
  readonly services: readonly string[];
  readonly wanted: WantedIds;
  readonly outcome: Outcome;
}

interface Found {
  readonly member: Member;
  /** It runs on the new generation, under its final name. */
  readonly isSwapped: boolean;
  /** The kept old container runs, though it should not, or has read the new files. */
  readonly isOldAstray: boolean;
}

interface Scene extends Pick<Observed, "containers" | "drops"> {
  /** As the plan understood them. */
  readonly consumers: readonly Consumer[];
}

/** @param skip operations whose way back failed: both containers stay as they are until a human says `retry` */
export async function recover(ctx: RollContext, scene: Scene, skip: ReadonlySet<string>): Promise<Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const [operation, group] of unfinished(scene.containers)) {
    if (skip.has(operation)) continue;
    const replaced = await Promise.all(group.map((candidate) => replacedMember(ctx, candidate, scene)));
    const found = [...replaced.filter((one) => one !== null), ...nudgedMembers(scene)];
    const wanted = wantedOf(group, found, scene.drops);
    const outcome = await finish(ctx, group, found, wanted, scene.drops);
    const services = [...new Set(found.map((one) => one.member.consumer.service))];
    ctx.log.info("recovered", { services, outcome: outcome.kind });
    leftovers.push({ operation, services, wanted, outcome });
  }
  return leftovers;
}

/** Groups by operation of which at least one candidate still has its old container. */
function unfinished(containers: readonly ObservedContainer[]): [string, ObservedContainer[]][] {
  const marked = containers.filter((one) => parseUnit(one.labels[LABEL_UNIT]) !== null);
  const groups = groupBy(marked, (one) => parseUnit(one.labels[LABEL_UNIT])?.operation ?? "");
  return [...groups].filter(([, group]) => group.some((one) => one.replaces !== null));
}

async function replacedMember(ctx: RollContext, candidate: ObservedContainer, scene: Scene): Promise<Found | null> {
  const consumer = scene.consumers.find((one) => one.service === candidate.service);
  const old = scene.containers.find((one) => one.id === candidate.replaces);
  if (consumer === undefined || old === undefined) return null;
  const member = newMember({ ...consumer, onChange: { kind: "recreate" } }, old.id);
  const made = await mustInspect(ctx, candidate.id);
  const final = canonicalName(candidate.name);
  member.swap = { final, oldId: old.id, newId: candidate.id, policy: policyOf(made) };
  const isOldUp = isUp(old);
  member.touched = candidate.startedAt !== null || !isOldUp;
  // Started by somebody, or by the engine (H22), while no sidecar was there to stop it.
  const isOldAstray = isOldUp && old.startedAt !== null && Date.parse(old.startedAt) > Date.parse(made.created);
  return { member, isSwapped: candidate.state === "running" && candidate.name === final, isOldAstray };
}

/** Members that were restarted or signalled in place. Of a signal nothing can be seen: it counts as not done. */
function nudgedMembers({ consumers, drops }: Scene): Found[] {
  return consumers
    .filter(({ onChange }) => onChange.kind === "restart" || onChange.kind === "signal")
    .filter((consumer) => (dropOf(consumer, drops)?.previous ?? null) !== null)
    .flatMap((consumer) =>
      consumer.containers.filter(isUp).map((container) => {
        const member = newMember(consumer, container.id);
        const isSwapped = startedSinceFlip(container, dropOf(consumer, drops));
        member.touched = isSwapped || consumer.onChange.kind === "signal";
        return { member, isSwapped, isOldAstray: false };
      }),
    );
}

function dropOf(consumer: Consumer, drops: readonly ObservedDrop[]): ObservedDrop | undefined {
  return drops.find((drop) => drop.volume === consumer.volume);
}

function startedSinceFlip({ startedAt }: ObservedContainer, drop: ObservedDrop | undefined): boolean {
  const flipped = drop === undefined || drop.previous === null ? null : drop.current;
  return startedAt !== null && flipped !== null && Date.parse(startedAt) >= flipped.deliveredAt;
}

async function finish(
  ctx: RollContext,
  group: readonly ObservedContainer[],
  found: readonly Found[],
  wanted: WantedIds,
  drops: readonly ObservedDrop[],
): Promise<Outcome> {
  await stopAstray(ctx, found);
  const waves = wavesOf(found);
  const volumes = [...new Set(found.map((one) => one.member.consumer.volume))];
  if (group.some((one) => one.replaces === null)) return finishCommitted(ctx, found, volumes, wanted);
  const isSwapped = found.every((one) => one.isSwapped);
  // Emptied by a reboot, or committed: nobody has other files to go back to, and nothing can be proven. The next look
  // delivers what is missing, and restarts through gates whoever came too early for it.
  const goesBack = volumes.some((volume) => drops.some((drop) => drop.volume === volume && drop.previous !== null));
  if (!goesBack && isSwapped) return commitUnit(ctx, waves, volumes, wanted);
  const expected = parseUnit(group[0]?.labels[LABEL_UNIT])?.members;
  if (!goesBack || !isSwapped || found.length !== expected) return takeBack(ctx, waves, volumes);
  try {
    for (const { member } of found) await prove(ctx, member, ctx.shutdown);
  } catch (thrown) {
    return wayBack(ctx, waves, volumes, toSidecryptError(thrown));
  }
  return commitUnit(ctx, waves, volumes, wanted);
}

/** Ungated: the next look plans the unit anew, and rolls it through gates. */
function takeBack(ctx: RollContext, waves: readonly Wave[], volumes: readonly string[]): Promise<Outcome> {
  return wayBack({ ...ctx, shutdown: AbortSignal.abort() }, waves, volumes, new Interrupted(CUT_OFF));
}

/** Two containers on one account: nothing else comes before the end of that. */
async function stopAstray(ctx: RollContext, found: readonly Found[]): Promise<void> {
  for (const { member, isOldAstray } of found) {
    if (member.swap !== null) ctx.hands.guard(member.oldId);
    if (!isOldAstray) continue;
    ctx.hands.expectStop(member.oldId);
    await ctx.docker.stop(member.oldId);
  }
}

/** A human's `up` may have removed the backup of a unit that had not come that far: the rest of it goes back alone. */
async function finishCommitted(
  ctx: RollContext,
  found: readonly Found[],
  volumes: readonly string[],
  wanted: WantedIds,
): Promise<Outcome> {
  const rest = found.filter((one) => !one.isSwapped);
  if (rest.length > 0) {
    const outcome = await takeBack(ctx, wavesOf(rest), []);
    if (outcome.kind === "stuck") return outcome;
  }
  return commitUnit(ctx, wavesOf(found.filter((one) => one.isSwapped)), volumes, wanted);
}

/** Servers before clients among the found, by their direct `after`. */
function wavesOf(found: readonly Found[]): Wave[] {
  const services = new Map(found.map(({ member: { consumer } }) => [consumer.service, consumer.after]));
  const depth = (service: string, path: readonly string[]): number => {
    if (path.includes(service))
      throw new SidecryptError("order-cycle", `services ${path.join(", ")} wait for each other`);
    const before = (services.get(service) ?? []).filter((other) => services.has(other));
    return before.reduce((max, other) => Math.max(max, depth(other, [...path, service]) + 1), 0);
  };
  const levels = groupBy(found, (one) => depth(one.member.consumer.service, []));
  return [...levels].toSorted(([a], [b]) => a - b).map(([, level]) => ({ members: level.map((one) => one.member) }));
}

function wantedOf(
  group: readonly ObservedContainer[],
  found: readonly Found[],
  drops: readonly ObservedDrop[],
): WantedIds {
  const rows = found.map(({ member: { consumer } }) => {
    const candidate = group.find((one) => one.service === consumer.service);
    const current = dropOf(consumer, drops)?.current?.id;
    return [consumer.volume, candidate?.labels[LABEL_GENERATION] ?? current ?? ""] as const;
  });
  return Object.fromEntries(rows);
}

/** The id in `sidecrypt.replaces` where that container still exists, else null. */
export function replacedBy(labels: Readonly<Record<string, string>>, alive: ReadonlySet<string>): string | null {
  const id = labels[LABEL_REPLACES];
  return id !== undefined && alive.has(id) ? id : null;
}
