/**
 * Who shares with whom, over every container of the engine. What a container shares never changes, so each is inspected
 * once: a unit's preflight must not cost an inspection of the whole host.
 */
import { isPast } from "../container-state.ts";
import type { DockerPort } from "../docker/port.ts";
import type { Shares } from "./spaces.ts";

export class Kin {
  readonly #known = new Map<string, Shares>();

  /** In every state but those of the past. */
  async all(docker: Pick<DockerPort, "list" | "inspect">): Promise<readonly Shares[]> {
    const ids = new Set((await docker.list()).filter((row) => !isPast(row)).map((row) => row.id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    const fresh = [...ids].filter((id) => !this.#known.has(id));
    for (const found of await Promise.all(fresh.map((id) => docker.inspect(id)))) {
      if (found === null) continue;
      const { id, name, hostConfig } = found;
      const { NetworkMode, PidMode, IpcMode, VolumesFrom, Links } = hostConfig;
      // No more of it: the rest may be anybody's.
      this.#known.set(id, { id, name, hostConfig: { NetworkMode, PidMode, IpcMode, VolumesFrom, Links } });
    }
    return [...this.#known.values()];
  }
}
