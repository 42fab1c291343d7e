/**
 * How containers looked when they were looked at last, kept for as long as the engine tells of every change: to inspect
 * fifty of them takes longer than all else between a bundle's change and the new files. Whoever replaces one inspects it
 * again, and a poll looks at all of them anew.
 */
import { COMPOSE_NUMBER, COMPOSE_ONEOFF, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import { healthcheckOf } from "../docker/health.ts";
import type { ContainerEvent, DockerPort, Inspected, ListedContainer } from "../docker/port.ts";
import { soleReasonOf } from "../roll/overlap.ts";
import { namespaceParents, volumeSources } from "../roll/spaces.ts";
import type { ContainerState, ObservedContainer } from "../types.ts";

/** Of one container, without what others have to do with it. No more of it: the rest may be anybody's. */
export type ContainerSummary = Omit<ObservedContainer, "replaces" | "isBackup">;

interface Kept {
  readonly state: ContainerState;
  readonly summary: Promise<ContainerSummary | null>;
}

export class ContainerCache {
  readonly #docker: Pick<DockerPort, "inspect">;
  readonly #kept = new Map<string, Kept>();
  /** The stream of events is open. */
  #isTold = false;
  /** It has been since the poll before: the engine opens a stream a moment before it sends what happens into it. */
  #isReliable = false;
  #news = 0;

  constructor(docker: Pick<DockerPort, "inspect">) {
    this.#docker = docker;
  }

  /** The engine tells of every change. */
  get isReliable(): boolean {
    return this.#isReliable;
  }

  /** Grows with all that is told, and with each poll. */
  get news(): number {
    return this.#news;
  }

  /** The stream of events was opened, or has broken. */
  told(isTold: boolean): void {
    this.#isTold = isTold;
    if (!isTold) this.#isReliable = false;
  }

  hear({ container }: ContainerEvent): void {
    this.#news += 1;
    this.#kept.delete(container);
  }

  renew(): void {
    this.#news += 1;
    this.#kept.clear();
    this.#isReliable = this.#isTold;
  }

  /** @param anew nothing that is kept will do. Null: there is no such container any more. */
  async of({ id, state }: Pick<ListedContainer, "id" | "state">, anew: boolean): Promise<ContainerSummary | null> {
    const kept = this.#kept.get(id);
    if (!anew && this.#isReliable && kept?.state === state) return kept.summary;
    const summary = look(this.#docker, id);
    // Kept before it is there: an event that comes meanwhile drops it.
    this.#kept.set(id, { state, summary });
    summary.catch(() => this.#kept.delete(id));
    return summary;
  }
}

export async function look(docker: Pick<DockerPort, "inspect">, id: string): Promise<ContainerSummary | null> {
  const found = await docker.inspect(id);
  return found === null ? null : summaryOf(found);
}

function summaryOf(container: Inspected): ContainerSummary {
  const { labels } = container;
  return {
    id: container.id,
    name: container.name,
    service: labels[COMPOSE_SERVICE] ?? container.name,
    number: Number(labels[COMPOSE_NUMBER] ?? "1"),
    oneOff: labels[COMPOSE_ONEOFF] === "True",
    state: container.state,
    startedAt: container.startedAt,
    exitCode: container.exitCode,
    labels,
    environmentNames: container.environment.map((entry) => entry.split("=", 1)[0] ?? ""),
    mounts: container.mounts
      .filter((mount) => mount.type === "volume")
      .map((mount) => ({ volume: mount.name, destination: mount.destination, writable: mount.writable })),
    hasHealthcheck: healthcheckOf(container) !== null,
    isUnhealthy: container.state === "running" && container.health?.status === "unhealthy",
    restartPolicy: container.restartPolicy,
    namespacesOf: namespaceParents(container),
    volumesOf: volumeSources(container),
    soleReason: soleReasonOf(container),
  };
}
