/** Where a drop's values come from: the present bundle, the one committed last, or the drop itself. */
import type { Delivered, ObservedDrop, Opened } from "../types.ts";
import { readList } from "../render/index.ts";
import { filesOn, type Source } from "./evaluate.ts";
import { sameBytes, type Files } from "./generation.ts";
import type { PlanInput } from "./input.ts";
import { committedOn } from "./member.ts";
import type { Request } from "./stack.ts";

export function presentSource(
  { opened, fallback }: PlanInput,
  drop: ObservedDrop,
  requests: readonly Request[],
): Source {
  if (opened !== null) return { kind: "bundle", opened, name: "the bundle" };
  return committedSource(fallback, drop, requests, []);
}

/**
 * The last good generation stays; after a reboot it comes from the bundle committed last. A drop that never had one
 * gets what the others of its unit stay on.
 */
export function committedSource(
  fallback: ReadonlyMap<string, Opened>,
  drop: ObservedDrop,
  requests: readonly Request[],
  siblings: readonly string[],
): Source {
  const committed = committedOn(drop);
  const opened = [drop.volume, ...siblings].map((volume) => fallback.get(volume)).find((one) => one !== undefined);
  if (opened !== undefined && (committed === null || explains(opened, requests, committed))) {
    return { kind: "bundle", opened, name: "the bundle committed last" };
  }
  return committed === null ? { kind: "nothing" } : { kind: "delivered", id: committed.id, files: committed.files };
}

/**
 * Whether what stands on the drop came from this bundle. A kill between a commit and the note of it in /state leaves an
 * older one there: delivering that would take back a rotation.
 */
function explains(opened: Opened, requests: readonly Request[], { files }: Delivered): boolean {
  const isValue = ([file, bytes]: readonly [string, Uint8Array]): boolean =>
    [...opened.secrets].some(([name, value]) => name.endsWith(file) && sameBytes(value, bytes));
  const made = rendered(opened, requests);
  return [...files].every(([file, bytes]) => {
    const listed = readList(file, bytes);
    return (
      isValue([file, bytes]) || sameBytes(made.get(file), bytes) || (listed !== null && [...listed].every(isValue))
    );
  });
}

/** Nothing where the labels ask for what it has not. */
function rendered(opened: Opened, requests: readonly Request[]): Files {
  try {
    return filesOn(requests, opened);
  } catch {
    return new Map();
  }
}
