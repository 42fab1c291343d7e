/** A rendered Compose model → what would leak before anything is started. Pure. */
import { exposureFindings } from "./exposure.ts";
import type { Finding } from "./finding.ts";
import { literalFindings } from "./literals.ts";
import type { ComposeModel } from "./model.ts";
import { viewOf } from "./view.ts";

export { CHECKS, type Check, type Finding } from "./finding.ts";
export { parseModel, type ComposeModel, type ComposeService } from "./model.ts";

/** @param names - those of the bundle, where they are known: they need no key */
export function composeFindings(model: ComposeModel, names: readonly string[] = []): Finding[] {
  return [...literalFindings(model, names), ...exposureFindings(viewOf(model))];
}
