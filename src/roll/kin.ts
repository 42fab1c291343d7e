/**
 * Who lives in whose namespaces, over every container of the engine. What a container joins never changes, so each is
 * inspected once: a unit's preflight must not cost an inspection of the whole host.
 */
import type { DockerPort } from "../docker/port.ts";
import { type Joins, joinsOf } from "../docker/joins.ts";

export interface Child {
  readonly id: string;
  readonly name: string;
}

interface Known extends Child {
  readonly joins: Joins;
}

export class Kin {
  readonly #known = new Map<string, Known>();

  /** Containers in any state that have this one's namespaces or volumes. */
  async childrenOf(docker: Pick<DockerPort, "list" | "inspect">, parent: Child): Promise<Child[]> {
    await this.#look(docker);
    return [...this.#known.values()].filter(
      ({ joins }) =>
        joins.namespaces.includes(parent.id) || joins.volumes.some((one) => one === parent.id || one === parent.name),
    );
  }

  async #look(docker: Pick<DockerPort, "list" | "inspect">): Promise<void> {
    const ids = new Set((await docker.list()).map((row) => row.id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    const fresh = [...ids].filter((id) => !this.#known.has(id));
    for (const found of await Promise.all(fresh.map((id) => docker.inspect(id)))) {
      if (found !== null) this.#known.set(found.id, { id: found.id, name: found.name, joins: joinsOf(found) });
    }
  }
}
