import type { Quarantine, Unit } from "../types.ts";

/** What was rolled; a failure adds why and when. */
export type Tried = Omit<Quarantine, "reason" | "at">;

/** What a failed unit leaves behind: not tried again while every one of these generations is still wanted. */
export function triedIn(unit: Unit): Tried {
  return { generations: unit.generations, names: unit.names, services: servicesOf(unit) };
}

export function servicesOf(unit: Unit): string[] {
  return unit.steps.map((step) => step.consumer.service).toSorted();
}
