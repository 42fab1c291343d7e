import type { Observed, Opened, Quarantine } from "../types.ts";
import type { Defaults } from "./evaluate.ts";

export interface PlanInput {
  /** The bundle that is there now; null: refused or missing. */
  readonly opened: Opened | null;
  /** Volume to the bundle committed last for it, opened, from /state. */
  readonly fallback: ReadonlyMap<string, Opened>;
  readonly observed: Observed;
  readonly quarantine: readonly Quarantine[];
  readonly defaults?: Defaults;
}
