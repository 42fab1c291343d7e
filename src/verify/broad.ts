/** Directories of the host in which every container, every process or the engine's socket stands. Pure. */

const BROAD = new Set(["/", "/proc", "/sys", "/dev", "/run", "/var", "/var/run", "/var/lib"]);

export const DOCKER_ROOT = "/var/lib/docker";

/** @param dockerRoot where this engine keeps its containers and volumes */
export function isBroad(source: string, dockerRoot: string): boolean {
  return BROAD.has(source) || source === dockerRoot || source.startsWith(`${dockerRoot}/`);
}
