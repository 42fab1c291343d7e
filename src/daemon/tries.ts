/**
 * Rolls that the engine failed once containers had been stopped for them. That is no fault of the files, so they are
 * tried again; but each try costs a bot its uptime, so that it is done a few times only, and ever later (H46). Pure.
 */
import { SECOND } from "../duration.ts";
import type { Tried } from "../plan/index.ts";
import type { Fault, Unit } from "../types.ts";
import { timeOf } from "./pace.ts";

/** Of one set of generations, since they were wanted. */
export interface Tries extends Tried {
  readonly count: number;
  /** When the last one ended, milliseconds since the epoch. */
  readonly at: number;
  /** Why. */
  readonly fault: Fault;
}

/** Milliseconds after each of them; after one more they are quarantined. */
const PAUSES = [1, 15, 120].map((seconds) => seconds * SECOND);

const againAt = ({ count, at }: Tries): number => at + (PAUSES[count - 1] ?? 0);
export const isLast = ({ count }: Pick<Tries, "count">): boolean => count > PAUSES.length;

type Generations = Pick<Tried, "generations">;

export function isSameSet(one: Generations, other: Generations): boolean {
  const volumes = Object.keys(one.generations);
  if (volumes.length !== Object.keys(other.generations).length) return false;
  return volumes.every((volume) => one.generations[volume] === other.generations[volume]);
}

/** The next one, whatever became of the others. */
export function oneMore(tried: Tried, fault: Fault, at: number, known: readonly Tries[]): Tries {
  return { ...tried, fault, at, count: 1 + (known.find((one) => isSameSet(one, tried))?.count ?? 0) };
}

/** Milliseconds till then; 0: now. A clock that was set back must not hold anybody until it has caught up. */
export function leftOf(tries: Tries, now: number): number {
  return tries.at > now ? 0 : Math.max(0, againAt(tries) - now);
}

/** Why a unit is not rolled yet. */
export interface Recess {
  readonly tries: Tries;
  readonly until: number;
}

/**
 * Null: nothing of the kind holds it. Whoever shares a changed name with one that is being tried again waits for its
 * outcome: an ailing engine stops at the first bot, as a bad key does.
 *
 * @param inForce tries of what is still planned
 */
export function recessOf(
  unit: Pick<Unit, "generations" | "names">,
  inForce: readonly Tries[],
  now: number,
): Recess | null {
  const own = inForce.find((one) => isSameSet(one, unit));
  if (own !== undefined) return leftOf(own, now) > 0 ? { tries: own, until: againAt(own) } : null;
  const other = inForce.find((one) => one.names.some((name) => unit.names.includes(name)));
  return other === undefined ? null : { tries: other, until: againAt(other) };
}

/** For status: the engine's reason stays what it was. */
export function recessFault({ tries, until }: Recess): Fault {
  const { fault, services, count } = tries;
  const left = PAUSES.length + 1 - count;
  const often = left === 1 ? "once more" : `${left} more times`;
  return {
    ...fault,
    message: `${fault.message}; ${services.join(", ")} tried again ${often}, not before ${timeOf(until)}`,
  };
}
