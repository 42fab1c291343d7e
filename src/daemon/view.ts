import type { Postponed } from "../report/status.ts";
import type { Fault, Observed, Plan } from "../types.ts";
import type { Present } from "./present.ts";

/** What was last seen, and what is being done: for status and health. */
export interface View {
  readonly present: Present | null;
  readonly observed: Observed | null;
  readonly plan: Plan | null;
  readonly faults: readonly Fault[];
  /** Services that are being rolled or refreshed. */
  readonly rolling: ReadonlySet<string>;
  /** Services whose way back failed: nothing is done with them until someone says `retry`. */
  readonly stuck: ReadonlyMap<string, Fault>;
  /** Services of the last run whose unit was taken back for a reason outside its files: the next one tries again. */
  readonly undone: ReadonlyMap<string, Fault>;
  /** Services whose unit waits for its minimum interval or its budget, or after an engine that failed it. */
  readonly postponed: ReadonlyMap<string, Postponed>;
}

export const NOTHING_SEEN: View = {
  present: null,
  observed: null,
  plan: null,
  faults: [],
  rolling: new Set(),
  stuck: new Map(),
  undone: new Map(),
  postponed: new Map(),
};
