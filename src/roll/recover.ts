/**
 * Finishes or undoes what a killed sidecar left (recreate.md §5, recovery by state, never by name alone):
 *
 *   a replaced container is gone, or the record says so    the unit has committed: the other backups go
 *   every member swapped and running                       gate again from now, then commit or go back
 *   anything else                                          go back; the next look plans it anew
 */
import { toSidecryptError } from "../errors.ts";
import type { Outcome } from "../types.ts";
import type { RollContext } from "./context.ts";
import { Interrupted } from "./gate.ts";
import { type Cut, findMember, type Found, leftoversOf, type Scene } from "./leftover.ts";
import { keepFailing, prove } from "./member.ts";
import { type Operation, type WantedIds, wavesOf } from "./operation.ts";
import type { RollRecord } from "./record.ts";
import { commitUnit } from "./unit.ts";
import { wayBack } from "./way-back.ts";

const CUT_OFF = "a roll was cut off half-way by the end of the sidecar";

export interface Leftover {
  readonly operation: string;
  readonly services: readonly string[];
  readonly wanted: WantedIds;
  readonly outcome: Outcome;
}

/** @param skip operations whose way back failed: both containers stay as they are until a human says `retry` */
export async function recover(ctx: RollContext, scene: Scene, skip: ReadonlySet<string>): Promise<Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const cut of leftoversOf(ctx.records.all, scene)) {
    const { record } = cut;
    const { operation } = record;
    if (skip.has(operation)) continue;
    const looked = await Promise.all(record.members.map((member) => findMember(ctx, record, member, scene)));
    const found = looked.filter((one) => one !== null);
    const outcome = await finish(ctx, cut, found, scene);
    const services = [...new Set(found.map((one) => one.member.proving.service))];
    ctx.log.info("recovered", { services, outcome: outcome.kind });
    leftovers.push({ operation, services, wanted: record.generations, outcome });
  }
  return leftovers;
}

async function finish(
  ctx: RollContext,
  { record, expected }: Cut,
  found: readonly Found[],
  { drops }: Scene,
): Promise<Outcome> {
  await stopAstray(ctx, found);
  const whole = operationFrom(record, found);
  if (record.phase === "committing" || found.some((one) => one.isOldGone)) return finishCommitted(ctx, record, found);
  const isSwapped = found.every((one) => one.isSwapped);
  // Emptied, by a reboot or since nothing that mounts it ran for a moment: what the new ones have read proves nothing.
  const isEmptied = !drops.some((drop) => drop.volume in record.generations && drop.previous !== null);
  if (isEmptied || !isSwapped || found.length < expected) return takeBack(ctx, whole);
  try {
    for (const { member } of found) {
      await prove(ctx, member, ctx.shutdown).catch((thrown: unknown) => keepFailing(ctx, member, thrown));
    }
  } catch (thrown) {
    return wayBack(ctx, whole, toSidecryptError(thrown));
  }
  return commitUnit(ctx, whole);
}

function operationFrom(record: RollRecord, found: readonly Found[]): Operation {
  const members = found.map((one) => one.member);
  return {
    mark: { operation: record.operation, members: record.members.length },
    wanted: record.generations,
    replaced: new Map(),
    waves: wavesOf(members),
    volumes: Object.keys(record.generations),
  };
}

/** Ungated: the next look plans the unit anew, and rolls it through gates. */
function takeBack(ctx: RollContext, operation: Operation): Promise<Outcome> {
  return wayBack({ ...ctx, shutdown: AbortSignal.abort() }, operation, new Interrupted(CUT_OFF));
}

/** Two containers on one account: nothing else comes before the end of that. */
async function stopAstray(ctx: RollContext, found: readonly Found[]): Promise<void> {
  for (const { member, isOldAstray } of found) {
    if (member.swap !== null) ctx.hands.guard(member.oldId);
    if (!isOldAstray) continue;
    member.touched = true;
    ctx.hands.expectStop(member.oldId);
    await ctx.docker.stop(member.oldId);
  }
}

/** A human's `up` may have removed the backup of a unit that had not come that far: the rest of it goes back alone. */
async function finishCommitted(ctx: RollContext, record: RollRecord, found: readonly Found[]): Promise<Outcome> {
  const rest = record.phase === "committing" ? [] : found.filter((one) => !one.isSwapped && !one.isOldGone);
  if (rest.length > 0) {
    const outcome = await takeBack(ctx, { ...operationFrom(record, rest), volumes: [] });
    if (outcome.kind === "stuck") return outcome;
  }
  const passed = found.filter((one) => !rest.includes(one));
  return commitUnit(ctx, operationFrom(record, passed));
}
