/** Whom a container needs to exist: the owners of its namespaces and of its `volumes_from` (H20, H34). Pure. */
import type { Inspected } from "./port.ts";

export interface Joins {
  /** Ids: Docker resolves a name when the container is made. */
  readonly namespaces: readonly string[];
  /** Ids or names, as they were given. */
  readonly volumes: readonly string[];
}

const MODES = ["NetworkMode", "PidMode", "IpcMode"];
const PREFIX = "container:";

export function joinsOf({ hostConfig }: Pick<Inspected, "hostConfig">): Joins {
  const modes = MODES.map((key) => hostConfig[key]).filter((mode) => typeof mode === "string");
  const owners = modes.filter((mode) => mode.startsWith(PREFIX)).map((mode) => mode.slice(PREFIX.length));
  const sources = hostConfig["VolumesFrom"];
  const from = Array.isArray(sources) ? sources.map((source) => String(source).split(":")[0] ?? "") : [];
  return { namespaces: [...new Set(owners)], volumes: [...new Set(from)] };
}
