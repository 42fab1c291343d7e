/**
 * Proof that a container works: its healthcheck, then its probe, or steady running where it has neither. A crash-looping
 * container is "running" most of the time, so a changed start or restart count fails (H42).
 */
import * as z from "zod";
import { healthcheckOf, statusSince } from "../docker/health.ts";
import { SidecryptError } from "../errors.ts";
import type { Inspected } from "../docker/port.ts";
import type { Proving } from "../types.ts";
import type { RollContext } from "./context.ts";

/** Milliseconds between two looks at a container. */
const LOOK_EVERY = 200;
const PROBE_EVERY = 1_000;
/** On top of what the healthcheck's own figures allow. */
const HEALTH_MARGIN = 10_000;
const PROBE_TIMEOUT = 60_000;
/** Docker's defaults for a healthcheck's interval, timeout (ms) and retries. */
const HEALTH_DEFAULT = { every: 30_000, limit: 30_000, retries: 3 };

export type Proof = "proven" | "unproven" | "stopped-by-hand";

/** Thrown where a roll is cut off: the generation is not at fault. */
export class Interrupted extends SidecryptError {
  constructor(message = "interrupted: the sidecar is stopping") {
    super("roll-failed", message);
  }
}

/** The container itself did not pass: only this is what `on-failure` speaks of. */
export class GateFailure extends SidecryptError {
  constructor(message: string) {
    super("roll-failed", message);
  }
}

export interface GateOptions {
  /** It was not healthy before either: running is all that can be asked of it. */
  readonly lenient?: boolean;
  /** Milliseconds since the epoch of a signal: only what its healthcheck says afterwards counts. */
  readonly since?: number | null;
}

type GateContext = Pick<RollContext, "docker" | "clock" | "hands"> & { readonly shutdown: AbortSignal };

/** @throws GateFailure with the reason; Interrupted */
export async function gate(
  ctx: GateContext,
  id: string,
  proving: Proving,
  { lenient = false, since = null }: GateOptions = {},
): Promise<Proof> {
  const first = await ctx.docker.inspect(id);
  if (first === null) throw new Interrupted(`service ${proving.service}: its container is gone`);
  if (lenient) return (await checkSteady(ctx, first, proving)) === "stopped-by-hand" ? "stopped-by-hand" : "unproven";
  const hasHealth = healthcheckOf(first) !== null;
  const deadline = ctx.clock.now() + (proving.healthTimeout ?? healthTimeout(first) ?? PROBE_TIMEOUT);
  // A process that was told to read again needs a moment, also where a probe asks it.
  const settles = proving.probe === null || since !== null;
  const until = hasHealth ? deadline : ctx.clock.now() + (settles ? proving.settle : 0);
  const settled = await watch({ ...ctx, since }, first, proving, until, hasHealth);
  if (settled === "stopped-by-hand") return settled;
  if (proving.probe === null) return hasHealth ? "proven" : "unproven";
  return probe(ctx, first, proving, deadline);
}

/** Until healthy, or steadily running until `until` where there is no healthcheck. */
async function watch(
  ctx: GateContext & { readonly since: number | null },
  first: Inspected,
  proving: Proving,
  until: number,
  hasHealth: boolean,
): Promise<"ok" | "stopped-by-hand"> {
  for (;;) {
    const steady = await checkSteady(ctx, first, proving);
    if (steady === "stopped-by-hand") return steady;
    if (steady === "unhealthy") throw failed(proving, "it turned unhealthy");
    if (hasHealth && steady === "healthy") return "ok";
    if (ctx.clock.now() >= until) {
      if (!hasHealth) return "ok";
      throw failed(proving, "it did not become healthy in time");
    }
    await ctx.clock.sleep(LOOK_EVERY, ctx.shutdown);
  }
}

async function checkSteady(
  ctx: GateContext & { readonly since?: number | null },
  first: Inspected,
  proving: Proving,
): Promise<"stopped-by-hand" | "healthy" | "unhealthy" | "waiting"> {
  if (ctx.shutdown.aborted) throw new Interrupted();
  const now = await ctx.docker.inspect(first.id);
  if (now === null) throw new Interrupted(`service ${proving.service}: its container was removed`);
  if (now.state !== "running") {
    if (ctx.hands.stoppedByHand(first.id)) return "stopped-by-hand";
    throw failed(proving, now.state === "exited" ? `it exited with code ${now.exitCode}` : `it is ${now.state}`);
  }
  if (now.restartCount !== first.restartCount || now.startedAt !== first.startedAt) {
    throw failed(proving, "it restarts by itself");
  }
  const { health } = now;
  if (health === null) return "waiting";
  const { since = null } = ctx;
  const status = since === null ? health.status : statusSince(health, since, healthcheckOf(now));
  return status === "starting" ? "waiting" : status;
}

async function probe(ctx: GateContext, first: Inspected, proving: Proving, deadline: number): Promise<Proof> {
  const command = commandOf(proving.probe ?? "");
  for (;;) {
    const left = Math.max(deadline - ctx.clock.now(), LOOK_EVERY);
    const code = await ctx.docker.exec(first.id, command, left).catch(() => -1);
    const steady = await checkSteady(ctx, first, proving);
    if (steady === "stopped-by-hand") return steady;
    if (steady === "unhealthy") throw failed(proving, "it turned unhealthy");
    if (code === 0) return "proven";
    if (ctx.clock.now() >= deadline) throw failed(proving, "its sidecrypt.probe did not exit 0 in time");
    await ctx.clock.sleep(PROBE_EVERY, ctx.shutdown);
  }
}

/** As in a Dockerfile's HEALTHCHECK: a JSON array is run as it is, anything else by the image's shell. */
export function commandOf(label: string): readonly string[] {
  if (label.trimStart().startsWith("[")) {
    const list = z.array(z.string()).nonempty().safeParse(tryJson(label));
    if (list.success) return list.data;
  }
  return ["/bin/sh", "-c", label];
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const NANOSECONDS = 1e6;
/** `start_period + retries × (interval + timeout)` and a margin, in milliseconds; null: no healthcheck. */
export function healthTimeout(container: Inspected): number | null {
  const health = healthcheckOf(container);
  if (health === null) return null;
  const ms = (nanoseconds: number | null | undefined, fallback: number): number =>
    nanoseconds === null || nanoseconds === undefined || nanoseconds === 0 ? fallback : nanoseconds / NANOSECONDS;
  const round = ms(health.Interval, HEALTH_DEFAULT.every) + ms(health.Timeout, HEALTH_DEFAULT.limit);
  const retries = (health.Retries ?? 0) === 0 ? HEALTH_DEFAULT.retries : (health.Retries ?? 0);
  return ms(health.StartPeriod, 0) + retries * round + HEALTH_MARGIN;
}

function failed(proving: Proving, why: string): GateFailure {
  return new GateFailure(`service ${proving.service}: ${why}`);
}
