/** What differs between two generations for those who ask, by name in the bundle; and how a cause is written. */
import { listOf } from "./faults.ts";
import { sameBytes, type Files } from "./generation.ts";
import type { ConsumerLabels } from "./labels.ts";
import type { Asks } from "./resolve.ts";
import { selects, sourcesOf } from "./select.ts";

export interface Changes {
  readonly changed: ReadonlySet<string>;
  readonly added: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

export const NO_CHANGES: Changes = { changed: new Set(), added: new Set(), removed: new Set() };

/** A file that is gone counts for those whose labels would still select it; others neither asked for it nor miss it. */
export function changesFor(asks: Asks, labels: readonly ConsumerLabels[], before: Files, after: Files): Changes {
  const asked = [...asks].filter(([file]) => !sameBytes(before.get(file), after.get(file)));
  const gone = [...before.keys()].filter((file) => !after.has(file) && !asks.has(file));
  return {
    changed: new Set(asked.filter(([file]) => before.has(file) && after.has(file)).map(([, name]) => name)),
    added: new Set(asked.filter(([file]) => !before.has(file)).map(([, name]) => name)),
    removed: new Set([
      ...asked.filter(([file]) => !after.has(file)).map(([, name]) => name),
      ...gone.flatMap((file) => askedFor(labels, file) ?? []),
    ]),
  };
}

function askedFor(labels: readonly ConsumerLabels[], file: string): string | null {
  for (const { patterns, stripPrefix } of labels) {
    const name = sourcesOf(file, stripPrefix).find((one) => selects(patterns, one));
    if (name !== undefined) return name;
  }
  return null;
}

export function namesOf({ changed, added, removed }: Changes): string[] {
  return [...changed, ...added, ...removed];
}

/** `A and B changed, C added`; empty where nothing did. */
export function changesText(changes: Changes): string {
  return (["changed", "added", "removed"] as const)
    .filter((kind) => changes[kind].size > 0)
    .map((kind) => `${listOf(changes[kind])} ${kind}`)
    .join(", ");
}
