/**
 * The list of recipients in a file against the rule: nothing authenticates that list, so somebody may have put himself in,
 * and would get the data key (sops.md §11.3).
 */
import { abbreviate } from "../bundle/index.ts";
import { SidecryptError } from "../errors.ts";
import { sameSet, without } from "../recipients.ts";

/** In words: what the file has that the rule has not, and the other way round. */
export function difference(present: readonly string[], ruled: readonly string[]): string {
  const extra = without(present, ruled).map((one) => `the file alone has ${abbreviate(one)}`);
  const missing = without(ruled, present).map((one) => `the rule alone has ${abbreviate(one)}`);
  return [...extra, ...missing].join("; ");
}

/** @param ruled - null: there is no rule to compare with. */
export function requireAsRuled(path: string, present: readonly string[], ruled: readonly string[] | null): void {
  if (ruled !== null && !sameSet(present, ruled)) throw notAsRuled(path, difference(present, ruled));
}

/**
 * For a change of the list: whom the rule has and the file has not is no stranger, since rule and file cannot change at
 * once.
 * @param named - on the command line: the rule may not name them yet, or no longer.
 */
export function refuseStrangers(
  path: string,
  present: readonly string[],
  ruled: readonly string[] | null,
  named: readonly string[],
): void {
  const strangers = ruled === null ? [] : without(present, [...ruled, ...named]);
  if (strangers.length > 0) throw notAsRuled(path, difference(strangers, []));
}

function notAsRuled(path: string, how: string): SidecryptError {
  return new SidecryptError(
    "rules-invalid",
    `${path} is not encrypted for whom the rule in .sops.yaml names: ${how}`,
    `if the rule is right: sidecrypt recipients sync --bundle ${path}; else correct the rule first`,
  );
}
