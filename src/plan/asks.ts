/** Labels against the names of one bundle → the secrets that a container asks for, by their names on the drop. */
import type { ConsumerLabels } from "./labels.ts";
import type { Names } from "./names.ts";
import { fileNameOf, selectNames } from "./select.ts";
import type { Request } from "./stack.ts";

/** Name on the drop, which is a file's or stands in one, to the secret's name in the bundle. */
export type Asks = ReadonlyMap<string, string>;

/** As much as the bundle has: faults are looked for where they are told. */
export function asksOf({ patterns, stripPrefix }: ConsumerLabels, available: Names): Asks {
  const { names } = selectNames(patterns, available);
  return new Map(names.map((name) => [fileNameOf(name, stripPrefix), name]));
}

/** Over all its containers; where two mean different secrets by one file name, the newest is right. */
export function asksOfService({ asking }: Request, available: Names): Asks {
  return new Map(asking.flatMap(({ labels }) => [...asksOf(labels, available)]));
}
