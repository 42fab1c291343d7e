/**
 * Files that live only in the old container's writable layer: a copy of the container does not have them (H17). Pure.
 */
import type { Inspected } from "../docker/port.ts";

/** Written by anything and missed by nobody. */
const TRANSIENT = ["/tmp", "/var/tmp", "/run", "/var/run", "/var/log", "/var/cache", "/root/.cache", "/dev"];

/**
 * @param added paths that the engine calls added, directories and mount points among them
 * @returns the files, or the deepest directories, that would be left behind
 */
export function leftBehind(added: readonly string[], container: Pick<Inspected, "mounts">): string[] {
  const skipped = [...TRANSIENT, ...container.mounts.map((mount) => mount.destination)];
  const isUnder = (path: string, root: string): boolean => path === root || path.startsWith(`${root}/`);
  const kept = added.filter((path) => !skipped.some((root) => isUnder(path, root) || isUnder(root, path)));
  return kept.filter((path) => !kept.some((other) => other !== path && isUnder(other, path)));
}
