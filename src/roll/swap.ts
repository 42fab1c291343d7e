/**
 * One container replaced by a faithful copy of itself, in calls that can be taken back by looking at states alone
 * (recreate.md §5): create, compare | stop, rename, rename, start | remove. The new container exists before the old one
 * is stopped; the old one exists until its unit has committed.
 */
import { SidecryptError, toSidecryptError } from "../errors.ts";
import type { CreateBody, Inspected, Json } from "../docker/port.ts";
import { isUp } from "../container-state.ts";
import { allOf } from "./all-of.ts";
import { differences } from "./compare.ts";
import type { RollContext } from "./context.ts";
import { Interrupted } from "./gate.ts";
import {
  backupName,
  candidateName,
  canonicalName,
  failedName,
  formatUnit,
  LABEL_GENERATION,
  LABEL_REPLACES,
  LABEL_UNIT,
  type UnitMark,
} from "./journal.ts";
import { stillInjected } from "./known-layers.ts";
import { carry, type Layer, readLayer } from "./layer.ts";
import { namespaceParents, type Replaced, successor, volumeSources } from "./spaces.ts";
import { candidateSpec, refuseOrphan } from "./spec.ts";
import { copyWarnings, LOST_HINT, SHOWN } from "./warnings.ts";

export interface Swap {
  readonly final: string;
  readonly oldId: string;
  readonly newId: string;
  /** The old container's own restart policy, which it loses while it is kept. */
  readonly policy: Json;
  /** Its last start before the roll; one that was started since by somebody else has read other files. */
  readonly startedAt: string | null;
  /** Files of the bot's own that were named before the roll; null: they were all read then. */
  readonly named: readonly string[] | null;
}

export interface Mark {
  /** Null: it asks for no secrets, or keeps those that it has. */
  readonly generation: string | null;
  readonly unit: UnitMark;
}

/**
 * The old container runs on.
 *
 * @param replaced containers whose place another one has taken by now: what shares with them goes over to that one
 */
export async function createCandidate(ctx: RollContext, old: Inspected, mark: Mark, replaced: Replaced): Promise<Swap> {
  const named = ctx.layers.of(old)?.lost ?? null;
  const spec = await specOf(ctx, old, journalOf(old, mark), replaced);
  const final = canonicalName(old.name);
  const newId = await ctx.docker.create(candidateName(final, old.id), spec);
  ctx.hands.guard(newId, old.id);
  return { final, oldId: old.id, newId, policy: policyOf(old), startedAt: old.startedAt, named };
}

/**
 * By a person, before its copy was there. Asked right after the copy was made: Compose's `up` would have kept and started
 * the copy (H6), but it could not have known of it yet; later on the two are told apart by how it ends (fate.ts).
 */
export async function wasRemoved(ctx: RollContext, { oldId, newId }: Swap): Promise<boolean> {
  if ((await ctx.docker.inspect(oldId)) !== null) return false;
  return (await ctx.docker.inspect(newId))?.startedAt === null;
}

function journalOf(old: Inspected, { generation, unit }: Mark): Record<string, string> {
  const labels = { [LABEL_REPLACES]: old.id, [LABEL_UNIT]: formatUnit(unit) };
  return generation === null ? labels : { ...labels, [LABEL_GENERATION]: generation };
}

async function specOf(
  ctx: RollContext,
  old: Inspected,
  labels: Readonly<Record<string, string>>,
  replaced: Replaced,
): Promise<CreateBody> {
  const { docker, log } = ctx;
  const reference = old.config["Image"];
  const [image, tagged, parents] = await Promise.all([
    docker.image(old.image),
    typeof reference === "string" ? docker.image(reference) : null,
    parentsOf(ctx, old, replaced),
  ]);
  if (image === null) {
    throw new SidecryptError(
      "roll-unfaithful",
      `the image of container ${old.name} is gone from the engine`,
      "bring the image back (docker compose pull or build), or recreate the service with docker compose up -d",
    );
  }
  refuseOrphan(old, parents);
  for (const message of copyWarnings(old, tagged, docker.apiVersion))
    log.warn("copy-warning", { container: old.name, message });
  const sources = volumeSources(old).map((source) => parents.get(source) ?? null);
  const { apiVersion, platform } = docker;
  const found = sources.filter((source) => source !== null);
  return candidateSpec({ old, tagged, image, apiVersion, platform, labels, replaced, sources: found });
}

/** Those that it shares with, or their successors, by the reference that it has to them. */
async function parentsOf(ctx: RollContext, old: Inspected, replaced: Replaced): Promise<Map<string, Inspected | null>> {
  const references = [...new Set([...namespaceParents(old), ...volumeSources(old)])];
  const inspected = references.map((one) => ctx.docker.inspect(successor(one, replaced) ?? one));
  const found = await Promise.all(inspected);
  return new Map(references.map((reference, index) => [reference, found[index] ?? null]));
}

/** @throws SidecryptError `roll-unfaithful`, naming the paths; nothing was touched yet */
export async function compare(ctx: RollContext, old: Inspected, newId: string, replaced: Replaced): Promise<void> {
  const differing = differences(old, await mustInspect(ctx, newId), ctx.docker.apiVersion, replaced);
  if (differing.length === 0) return;
  throw new SidecryptError(
    "roll-unfaithful",
    `the copy of container ${old.name} differs from it at ${differing.slice(0, 5).join(", ")}: nothing was touched`,
    "set the label sidecrypt.on-change: restart on its service, and report this",
  );
}

/** Begun before the copy is made: the engine walks the whole layer for it, which takes longer than all else. */
export function readOld(ctx: RollContext, old: Inspected): Promise<Layer> {
  const known = ctx.layers.of(old);
  const reading = known === null ? readLayer(ctx.docker, old) : recheck(ctx, old, known);
  reading.catch(() => undefined);
  return reading;
}

/** What Compose put into the old one, into its copy. Where it fails, the copy may be all that is left (H6). */
export async function carryOver(
  ctx: RollContext,
  old: Inspected,
  newId: string,
  reading: Promise<Layer>,
): Promise<void> {
  const layer = await reading;
  tellOfLayer(ctx, old, layer);
  await carry(ctx.docker, { from: old, to: newId, paths: layer.injected, now: ctx.clock.now() });
}

async function recheck(ctx: RollContext, old: Inspected, { injected, lost }: Layer): Promise<Layer> {
  return { injected: await stillInjected(ctx.docker, old, injected), lost };
}

const shown = (paths: readonly string[]): Json => ({ paths: paths.slice(0, SHOWN), count: paths.length });

function tellOfLayer({ log }: RollContext, { name }: Inspected, { injected, lost }: Layer): void {
  if (injected.length > 0) log.info("files-carried", { container: name, ...shown(injected) });
  if (lost.length > 0) log.warn("files-left-behind", { container: name, ...shown(lost), hint: LOST_HINT });
}

/**
 * Names what the bot has written since its layer was read. Never throws: a roll that passed its gate is not taken back
 * because a list could not be read.
 */
export async function tellOfRest(ctx: RollContext, { oldId, named }: Swap): Promise<void> {
  if (named === null) return;
  try {
    const old = await ctx.docker.inspect(oldId);
    if (old === null) return;
    const { lost } = await readLayer(ctx.docker, old);
    tellOfLayer(ctx, old, { injected: [], lost: lost.filter((path) => !named.includes(path)) });
  } catch (thrown) {
    const { code } = toSidecryptError(thrown);
    ctx.log.warn("files-unread", { container: oldId.slice(0, 12), code });
  }
}

/** Stop, rename, rename, start. */
export async function swapIn(ctx: RollContext, swap: Swap, isRunning: boolean): Promise<void> {
  await stopOld(ctx, swap, isRunning);
  await trade(ctx, swap);
  await ctx.docker.start(swap.newId);
  retire(ctx, swap);
}

/** The new one takes the place of one that does not run, and does not run either. */
export async function stepIn(ctx: RollContext, swap: Swap): Promise<void> {
  await trade(ctx, swap);
  retire(ctx, swap);
}

/** start-first: both run, from here to `takeOver` (H44). */
export async function startBeside(ctx: RollContext, swap: Swap): Promise<void> {
  ctx.hands.release(swap.newId);
  await ctx.docker.start(swap.newId);
}

/** start-first, once the new one is proven. */
export async function takeOver(ctx: RollContext, swap: Swap): Promise<void> {
  await stopOld(ctx, swap, isUp(await mustInspect(ctx, swap.oldId)));
  await trade(ctx, swap);
  retire(ctx, swap);
}

async function stopOld(ctx: RollContext, { oldId }: Swap, isRunning: boolean): Promise<void> {
  ctx.hands.guard(oldId);
  if (!isRunning) return;
  ctx.hands.expectStop(oldId);
  await ctx.docker.stop(oldId);
}

/**
 * The kept one's policy goes beside the second rename: before the start, or an engine that ends in between would bring
 * up both at its next one; and not beside it, which takes longer by as much.
 */
async function trade(ctx: RollContext, swap: Swap): Promise<void> {
  const { final, oldId, newId } = swap;
  await ctx.docker.rename(oldId, backupName(final, oldId));
  await allOf([ctx.docker.rename(newId, final), loosePolicy(ctx, swap)]);
  ctx.hands.release(newId);
}

/** Compose's `up` may choose the kept one of the two, and remove the other: then it has to run. */
function retire({ hands }: RollContext, { oldId, newId }: Swap): void {
  hands.guard(oldId, newId);
}

/** The kept one must not come up with the engine (H22); only a stopped container may be updated. */
function loosePolicy(ctx: RollContext, { oldId }: Swap): Promise<void> {
  return ctx.docker.setRestartPolicy(oldId, { Name: "no", MaximumRetryCount: 0 });
}

/** Stops the new container and moves it out of the name's way. Idempotent, decides by what it sees. */
export async function takeDown(ctx: RollContext, swap: Swap): Promise<void> {
  const candidate = await ctx.docker.inspect(swap.newId);
  if (candidate === null) return;
  ctx.hands.guard(swap.newId);
  if (isUp(candidate)) {
    ctx.hands.expectStop(swap.newId);
    await ctx.docker.stop(swap.newId);
    // A person may have restarted it meanwhile, whose stop was then taken for ours, and ours for theirs.
    ctx.hands.haveStopped(swap.newId);
  }
  if (candidate.name === swap.final) await ctx.docker.rename(swap.newId, failedName(swap.final, swap.newId));
}

/** Gives the old container its name and restart policy back, and starts it. Idempotent. */
export async function bringBack(ctx: RollContext, swap: Swap, startIt: boolean): Promise<void> {
  const old = await ctx.docker.inspect(swap.oldId);
  if (old === null) {
    throw new SidecryptError("rollback-failed", `the kept old container of ${swap.final} was removed by someone else`);
  }
  ctx.hands.release(swap.oldId);
  if (old.name !== swap.final) await ctx.docker.rename(swap.oldId, swap.final);
  // Started by somebody since: it has read the new files, and lacks its policy, which only a stopped one may get (H22).
  const isAstray = isUp(old) && old.startedAt !== swap.startedAt;
  if (isAstray) {
    ctx.hands.expectStop(old.id);
    await ctx.docker.stop(old.id);
  }
  if (!isUp(old) || isAstray) {
    if (swap.policy["Name"] !== old.restartPolicy) await ctx.docker.setRestartPolicy(old.id, swap.policy);
    if (startIt || isAstray) await ctx.docker.start(swap.oldId);
  }
  // Compose's `up` keeps the newest of two (H6): where it takes the old one for it, that one is the last.
  ctx.hands.guard(swap.newId, swap.oldId);
}

/** Of recovery's swaps it is read off the candidate, which still holds it. */
export function policyOf(container: Inspected): Json {
  return container.hostConfig["RestartPolicy"] as Json;
}

/** The last step of either way; its named volumes stay. */
export async function discard(ctx: RollContext, id: string): Promise<void> {
  await ctx.docker.remove(id).catch(async (thrown: unknown) => {
    // Tried again with every look, it would be refused again and again.
    const left = await ctx.docker.inspect(id);
    if (left?.state !== "dead") throw thrown;
    const hint = `docker rm ${left.name}, once nothing uses its files any more`;
    ctx.log.warn("container-dead", { container: left.name, hint });
  });
  ctx.hands.release(id);
}

export async function mustInspect(ctx: Pick<RollContext, "docker">, id: string): Promise<Inspected> {
  const found = await ctx.docker.inspect(id);
  if (found !== null) return found;
  // Removed by somebody, whatever was done with it: no file had a part in it.
  throw new Interrupted(`container ${id.slice(0, 12)} is gone`);
}
