/** Where a drop's values come from: the present bundle, the one committed last, or the drop itself. */
import type { Delivered, ObservedDrop, Opened } from "../types.ts";
import type { Source } from "./evaluate.ts";
import type { PlanInput } from "./input.ts";
import { sameBytes } from "./generation.ts";
import { committedOn } from "./member.ts";

export function presentSource({ opened, fallback }: PlanInput, drop: ObservedDrop): Source {
  if (opened !== null) return { kind: "bundle", opened, name: "the bundle" };
  return committedSource(fallback, drop, []);
}

/**
 * The last good generation stays; after a reboot it comes from the bundle committed last. A drop that never had one
 * gets what the others of its unit stay on.
 */
export function committedSource(
  fallback: ReadonlyMap<string, Opened>,
  drop: ObservedDrop,
  siblings: readonly string[],
): Source {
  const committed = committedOn(drop);
  const opened = [drop.volume, ...siblings].map((volume) => fallback.get(volume)).find((one) => one !== undefined);
  if (opened !== undefined && (committed === null || explains(opened, committed))) {
    return { kind: "bundle", opened, name: "the bundle committed last" };
  }
  return committed === null ? { kind: "nothing" } : { kind: "delivered", id: committed.id, files: committed.files };
}

/**
 * Whether what stands on the drop came from this bundle. A kill between a commit and the note of it in /state leaves an
 * older one there: delivering that would take back a rotation.
 */
function explains({ secrets }: Opened, { files }: Delivered): boolean {
  return [...files].every(([file, bytes]) =>
    [...secrets].some(([name, value]) => name.endsWith(file) && sameBytes(value, bytes)),
  );
}
