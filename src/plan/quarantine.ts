import type { Quarantine, Unit } from "../types.ts";

/** What a failed unit leaves behind: not tried again while every one of these generations is still wanted. */
export function quarantineFor(unit: Unit, reason: string, at: string): Quarantine {
  return {
    generations: unit.generations,
    names: unit.names,
    services: unit.steps.map((step) => step.consumer.service).toSorted(),
    reason,
    at,
  };
}
