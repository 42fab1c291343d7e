/** Labels → whose process environment is declared, and which names that covers. Pure. */
import { COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import { parseInspect } from "../docker/inspect.ts";
import type { Json } from "../docker/port.ts";
import { Names, parseConsumer, selectNames } from "../plan/index.ts";
import type { Needle } from "../search/index.ts";
import type { Declared } from "./judge.ts";

type Values = ReadonlyMap<string, ReadonlySet<string>>;

/** By container: by their labels alone, refused or not. */
export function declaredIn(ours: readonly Json[], needles: readonly Needle[]): Map<string, Declared> {
  const values = byName(needles);
  const available = new Names([...values.keys()]);
  return new Map(
    ours.map(parseInspect).flatMap(({ id, labels }): [string, Declared][] => {
      const service = labels[COMPOSE_SERVICE] ?? "";
      const asking = parseConsumer(service, labels);
      if (asking === null || "fault" in asking || !asking.envAllowed) return [];
      return [[id, { service, secrets: withEquals(selectNames(asking.patterns, available).names, values) }]];
    }),
  );
}

/** One name may stand for several values: the bundle's, those that are still delivered, and what `ps` makes of each. */
function byName(needles: readonly Needle[]): Values {
  const values = new Map<string, Set<string>>();
  for (const { name, value } of needles) {
    values.set(name, (values.get(name) ?? new Set()).add(Buffer.from(value).toString("latin1")));
  }
  return values;
}

/** A value that two names have is found under both: who asks for one of them is no thief of the other. */
function withEquals(asked: readonly string[], values: Values): Set<string> {
  const held = new Set(asked.flatMap((name) => [...(values.get(name) ?? [])]));
  const equal = [...values].filter(([, own]) => [...own].every((value) => held.has(value)));
  return new Set([...asked, ...equal.map(([name]) => name)]);
}
