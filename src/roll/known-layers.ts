/**
 * Layers that were read while nothing was to be done: the engine walks a container's whole root for one, half a second
 * in which a roll would stand still. What Compose put there stays as it is until the next start; what the bot writes
 * does not, so that part is read anew beside the gate, before the old container is removed.
 */
import type { DockerPort, Inspected } from "../docker/port.ts";
import { isInjected, type Layer, readLayer } from "./layer.ts";

interface Known {
  /** A start may be Compose's, which puts its files there before it. */
  readonly startedAt: string | null;
  readonly layer: Layer;
}

export class KnownLayers {
  readonly #known = new Map<string, Known>();

  /** Null: not read since its last start. */
  of({ id, startedAt }: Pick<Inspected, "id" | "startedAt">): Layer | null {
    const known = this.#known.get(id);
    return known?.startedAt === startedAt ? known.layer : null;
  }

  async read(docker: DockerPort, container: Inspected): Promise<void> {
    const layer = await readLayer(docker, container);
    this.#known.set(container.id, { startedAt: container.startedAt, layer });
  }

  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
  }
}

/** Of those that were injected when they were last looked at: what the bot has written to since is its own. */
export async function stillInjected(
  docker: DockerPort,
  container: Inspected,
  paths: readonly string[],
): Promise<string[]> {
  const stats = await Promise.all(paths.map((path) => docker.statPath(container.id, path)));
  return paths.filter((_, index) => {
    const stat = stats[index] ?? null;
    return stat?.isFile === true && isInjected(stat, container);
  });
}
