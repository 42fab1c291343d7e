/** What differs between two generations for those who ask: secrets by name in the bundle, templates; how a cause is written. */
import { listOf } from "./faults.ts";
import type { Templates } from "../types.ts";
import type { Asks } from "./asks.ts";
import { makes, valuesIn } from "./files.ts";
import { sameBytes, type Files } from "./generation.ts";
import type { ConsumerLabels } from "./labels.ts";
import { selects, sourcesOf } from "./select.ts";

export interface Changes {
  readonly changed: ReadonlySet<string>;
  readonly added: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

export const NO_CHANGES: Changes = { changed: new Set(), added: new Set(), removed: new Set() };

export interface Asked {
  readonly asks: Asks;
  readonly labels: readonly ConsumerLabels[];
  /** What is beside the bundle now. */
  readonly templates: Templates;
}

/** A value that is gone counts for those whose labels would still select it; others neither asked for it nor miss it. */
export function changesFor({ asks, labels, templates }: Asked, oldFiles: Files, newFiles: Files): Changes {
  const [before, after] = [valuesIn(oldFiles), valuesIn(newFiles)];
  const asked = [...asks].filter(([name]) => !sameBytes(before.get(name), after.get(name)));
  const gone = [...before.keys()].filter((name) => !after.has(name) && !asks.has(name));
  const made = labels
    .flatMap((one) => one.templates)
    .filter(({ template }) => templates.has(template))
    .filter(({ file }) => !sameBytes(oldFiles.get(file), newFiles.get(file)));
  const isTold = asked.length + gone.length > 0;
  const mended = made.filter((one) => {
    const bytes = oldFiles.get(one.file);
    return bytes !== undefined && !(isTold && makes(templates, one, before, bytes));
  });
  return {
    changed: new Set([
      ...asked.filter(([name]) => before.has(name) && after.has(name)).map(([, secret]) => secret),
      ...mended.map(({ template }) => template),
    ]),
    added: new Set([
      ...asked.filter(([name]) => !before.has(name)).map(([, secret]) => secret),
      ...made.filter(({ file }) => !oldFiles.has(file)).map(({ template }) => template),
    ]),
    removed: new Set([
      ...asked.filter(([name]) => !after.has(name)).map(([, secret]) => secret),
      ...gone.flatMap((name) => askedFor(labels, name) ?? []),
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
