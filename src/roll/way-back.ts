/**
 * The way back of a unit: the new ones down, clients first; the files back; the old ones up, servers first, each gated.
 * Never a way back of a way back: what fails here is tried again a few times, and then left as it is for a person.
 */
import { isUp } from "../container-state.ts";
import { EngineEnds } from "../docker/patience.ts";
import { type ErrorCode, type SidecryptError, toSidecryptError } from "../errors.ts";
import { faultOf } from "../fault.ts";
import type { Fault, Outcome } from "../types.ts";
import type { RollContext } from "./context.ts";
import { gate, GateFailure, Interrupted } from "./gate.ts";
import { allOf } from "./all-of.ts";
import { back, down, keepWhatIsLeft, type Member, recordSeen, tidy } from "./member.ts";
import { requireSameDrops } from "./same-drop.ts";
import { isGivenUp, membersOf, type Operation, save, standing, type Wave } from "./operation.ts";

/** Shared with recovery, which builds the operation from what it finds. */
export async function wayBack(ctx: RollContext, operation: Operation, cause: SidecryptError): Promise<Outcome> {
  const fault = faultOf(cause, "unit");
  ctx.log.warn("way-back", { ...fault });
  try {
    await goBack(ctx, operation);
  } catch (thrown) {
    return giveUp(ctx, operation, stuckFault(fault, toSidecryptError(thrown)));
  }
  // A copy is started with the settings under which the old one ran: no file has a part in what the engine says of it.
  const isEngines = cause.code.startsWith("docker-");
  // Taken away by a person: by `down`, or an old one by Compose's `up` before our next call came to it (H6, H47).
  const isPersons = membersOf(operation).some(
    ({ removed, left }) => removed && (left || cause.code === "docker-refused" || cause.code === "roll-unfaithful"),
  );
  if (!isEngines && !isPersons && !mayPassLater(cause)) return { kind: "rolled-back", fault };
  const isCostly = isEngines && !isPersons && membersOf(operation).some(({ touched }) => touched);
  return { kind: "undone", fault, isCostly };
}

/** Written down, so that no later life of the sidecar tries it either; but for an engine that is away, and comes back. */
async function giveUp(ctx: RollContext, operation: Operation, fault: Fault): Promise<Outcome> {
  if (isGivenUp(fault)) await save(ctx, operation, "rolling", fault).catch(() => undefined);
  return { kind: "stuck", fault };
}

async function goBack(ctx: RollContext, operation: Operation): Promise<void> {
  const { waves, volumes } = operation;
  for (const member of membersOf(operation)) await persist(ctx, () => keepWhatIsLeft(ctx, member));
  for (const wave of waves.toReversed()) await allOf(wave.members.map((one) => persist(ctx, () => down(ctx, one))));
  const commanded = new Set(standing(operation).flatMap((one) => (one.onChange.kind === "exec" ? one.volume : [])));
  for (const volume of volumes) await persist(ctx, () => ctx.drops.flipBack(volume, commanded.has(volume)));
  for (const wave of waves) await bringWaveBack(ctx, wave);
  for (const volume of volumes) if (commanded.has(volume)) await persist(ctx, () => ctx.drops.commit(volume));
  await persist(ctx, () => recordOld(ctx, operation));
  for (const member of membersOf(operation)) await persist(ctx, () => tidy(ctx, member, false));
  await persist(ctx, () => ctx.records.erase(operation.mark.operation));
}

async function bringWaveBack(ctx: RollContext, wave: Wave): Promise<void> {
  await allOf(wave.members.map((one) => persist(ctx, () => back(ctx, one))));
  const gated = wave.members.filter(
    ({ touched, left, asleep, wasAiling, oldId }) =>
      touched && !left && !asleep && !wasAiling && !ctx.hands.stoppedByHand(oldId),
  );
  // A sidecar that is stopping has no time left to watch: running is what it can still give.
  if (ctx.shutdown.aborted) return;
  await allOf(gated.map((member) => persist(ctx, () => gateOld(ctx, member))));
}

async function gateOld(ctx: RollContext, { oldId, proving, lenient, signalledAt }: Member): Promise<void> {
  const container = await ctx.docker.inspect(oldId);
  if (container === null || !isUp(container)) return;
  try {
    await gate(ctx, oldId, proving, { lenient, since: signalledAt });
  } catch (thrown) {
    if (thrown instanceof Interrupted) return;
    // The engine was restarted in the middle of it: no files that we put there reach the old one either.
    await requireSameDrops(ctx, oldId);
    throw thrown;
  }
}

/** They started after the files were flipped back, perhaps too soon after it for their start time to show it. */
async function recordOld(ctx: RollContext, operation: Operation): Promise<void> {
  const touched = standing(operation).filter((member) => member.touched);
  for (const volume of new Set(touched.flatMap((member) => member.volume ?? []))) {
    const generation = await ctx.drops.currentId(volume);
    if (generation === null) continue;
    await recordSeen(ctx, touched, volume, generation, (member) => member.oldId);
  }
}

/** Milliseconds before another try: an engine that hiccups must not leave a bot down. Each step is idempotent. */
const PAUSES = [200, 500, 1_000, 2_000, 5_000];

async function persist(ctx: RollContext, step: () => Promise<void>): Promise<void> {
  for (const pause of PAUSES) {
    try {
      await step();
      return;
    } catch (thrown) {
      if (isFinal(thrown)) throw thrown;
    }
    await ctx.clock.sleep(pause);
  }
  await step();
}

/** Not the engine's hiccup: it would be the same once more. */
function isFinal(thrown: unknown): boolean {
  const { code } = toSidecryptError(thrown);
  return (
    thrown instanceof EngineEnds || thrown instanceof GateFailure || code === "rollback-failed" || code === "drop-split"
  );
}

/** What the same files could pass another time is not quarantined. */
function mayPassLater(cause: SidecryptError): boolean {
  const outside: readonly ErrorCode[] = ["not-supported", "state-unwritable"];
  return cause instanceof Interrupted || outside.includes(cause.code) || cause.code.startsWith("drop-");
}

function stuckFault(first: Fault, second: SidecryptError): Fault {
  return {
    code: second.code === "docker-unreachable" ? second.code : "rollback-failed",
    subject: first.subject,
    message: `${first.message}; and on the way back: ${second.message}`,
    hint: second.hint ?? "both containers are kept: look at them, then run sidecrypt retry in the sidecar's container",
  };
}
