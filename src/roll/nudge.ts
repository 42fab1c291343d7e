/** The rungs of the ladder that keep the container: restart, signal, exec, and the start of one that was parked. */
import { isUp } from "../container-state.ts";
import { SidecryptError } from "../errors.ts";
import type { RollContext } from "./context.ts";
import { commandOf, GateFailure } from "./gate.ts";
import type { Member } from "./member.ts";
import { restartInPlace } from "./restart.ts";
import { mustInspect } from "./swap.ts";

/** Milliseconds for an `exec:` command where `sidecrypt.health-timeout` says nothing. */
const EXEC_TIMEOUT = 60_000;

/** Forward; returns the downtime in milliseconds. */
export async function nudge(ctx: RollContext, member: Member, isRunning: boolean): Promise<number> {
  const { onChange, proving } = member;
  if (onChange.kind === "restart") return restart(ctx, member, isRunning);
  if (onChange.kind === "exec") {
    await execute(ctx, member, onChange.command);
    return 0;
  }
  if (onChange.kind !== "signal") {
    throw new SidecryptError("internal", `service ${proving.service} cannot be rolled by ${onChange.kind}`);
  }
  await signal(ctx, member, onChange.signal);
  return 0;
}

async function restart(ctx: RollContext, member: Member, isRunning: boolean): Promise<number> {
  await (isRunning ? restartInPlace(ctx, member.oldId) : ctx.docker.start(member.oldId));
  return ctx.clock.now() - (member.stoppedAt ?? ctx.clock.now());
}

async function signal(ctx: RollContext, member: Member, name: string): Promise<void> {
  member.signalledAt = ctx.clock.now();
  ctx.hands.expectSignal(member.oldId);
  await ctx.docker.kill(member.oldId, name);
}

/** Its output is dropped unread: it may hold the value that it was given. */
async function execute(ctx: RollContext, { oldId, proving }: Member, command: string): Promise<void> {
  const code = await ctx.docker.exec(oldId, commandOf(command), proving.healthTimeout ?? EXEC_TIMEOUT);
  if (code === 0) return;
  const ending = code === -1 ? "did not end in time" : `ended with exit status ${code}`;
  throw new GateFailure(`service ${proving.service}: the command of its sidecrypt.on-change ${ending}`);
}

/**
 * Way back, the files flipped: once more the same, so that it holds what its drop holds. Whatever was run on the new
 * files is run again on the old ones: of a command that was cut off nobody knows how far it came.
 */
export async function nudgeBack(ctx: RollContext, member: Member): Promise<void> {
  const { onChange, oldId } = member;
  const isRunning = isUp(await mustInspect(ctx, oldId));
  if (!isRunning) await ctx.docker.start(oldId);
  if (onChange.kind === "exec") await execute(ctx, member, onChange.command);
  else if (onChange.kind === "signal" && isRunning) await signal(ctx, member, onChange.signal);
  else if (isRunning && !member.parked) await restartInPlace(ctx, oldId);
}
