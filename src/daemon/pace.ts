/**
 * How often one consumer may be rolled (recreate.md H46). Two bounds: a minimum interval, in which changes come together
 * in one roll; and a budget, past which its circuit is open until it has been quiet for a whole window. Both count
 * each consumer for itself: a key that 200 bots share costs each of them one, and a bot that flaps stops no other. Pure.
 */
import type { Budget } from "../config.ts";
import { formatDuration, SECOND } from "../duration.ts";
import type { Fault } from "../types.ts";

export interface Pace {
  /** Milliseconds between the starts of two rolls; 0: none. */
  readonly minInterval: number;
  readonly budget: Budget | null;
}

/** A roll that began, whatever became of it. */
export interface RollStart {
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Why a unit is not rolled yet. */
export interface Pause {
  /** The one of its services that has to wait the longest. */
  readonly service: string;
  readonly until: number;
  /** The budget that is spent; null: only the interval has not passed. */
  readonly spent: Budget | null;
}

/** A unit rolls together, so it waits for each of its services. */
export function pauseOf(
  services: readonly string[],
  starts: readonly RollStart[],
  pace: Pace,
  now: number,
): Pause | null {
  const pauses = services.flatMap((service) => {
    // A clock that was set back must not hold anybody until it has caught up.
    const times = starts.filter((one) => one.service === service && one.at <= now).map(({ at }) => at);
    return pauseOfOne(service, times, pace) ?? [];
  });
  const pending = pauses.filter(({ until }) => until > now).toSorted((a, b) => b.until - a.until);
  return pending[0] ?? null;
}

function pauseOfOne(service: string, times: readonly number[], { minInterval, budget }: Pace): Pause | null {
  if (times.length === 0) return null;
  const last = Math.max(...times);
  // Counted back from the last roll, not from now: once open, it stays so until a whole window was quiet.
  const isSpent = budget !== null && times.filter((at) => at > last - budget.window).length >= budget.rolls;
  if (isSpent) return { service, spent: budget, until: last + budget.window };
  return { service, spent: null, until: last + minInterval };
}

/** Milliseconds for which a start can still matter. */
export function memoryOf({ minInterval, budget }: Pace): number {
  return Math.max(minInterval, 2 * (budget?.window ?? 0));
}

/** For status, where a plan says the rest. */
export function intervalReason({ service, until }: Pause, { minInterval }: Pace): string {
  return `not before ${timeOf(until)}: a roll of ${service} began less than ${formatDuration(minInterval)} ago`;
}

export function budgetFault({ service, until }: Pause, { rolls, window }: Budget, sidecar: string): Fault {
  return {
    code: "budget-spent",
    subject: service,
    message:
      `service ${service} was rolled ${rolls} times within ${formatDuration(window)}: ` +
      `it is not rolled again before ${timeOf(until)}`,
    hint:
      `find out what changes its secrets so often; to roll it all the same: ` +
      `docker compose exec ${sidecar} sidecrypt retry ${service}`,
  };
}

/** To the second, rounded up: what is said to be over is over. */
export function timeOf(ms: number): string {
  return new Date(Math.ceil(ms / SECOND) * SECOND).toISOString().replace(".000Z", "Z");
}
