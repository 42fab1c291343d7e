/** One look at the world: what there is, what the engine and the drops hold, and what follows from it. */
import type { PlanInput } from "../plan/index.ts";
import type { Observed, Plan } from "../types.ts";
import type { Memory } from "./memory.ts";
import type { Present } from "./present.ts";

export interface Look {
  readonly present: Present;
  readonly observed: Observed;
  readonly plan: Plan;
  /** Drops of rolls that were cut off and wait to be recovered. */
  readonly leftovers: ReadonlySet<string>;
  /** Drops of the units that were being rolled when it began: half done when it was seen, whatever has become of it. */
  readonly inHand: ReadonlySet<string>;
}

export function planInput(present: Present, observed: Observed, memory: Memory): PlanInput {
  const fallback = new Map(
    Object.entries(memory.committed).flatMap(([volume, digest]) => {
      const opened = present.committed.get(digest);
      const templates = present.kept.get(volume) ?? new Map<string, never>();
      return opened === undefined ? [] : [[volume, { ...opened, templates }] as const];
    }),
  );
  return { opened: present.opened, fallback, observed, quarantine: memory.quarantine };
}
