/** The engine's events of one project, as they come, held against what no roll may ever do. */
import { systemClock } from "../../../src/clock.ts";
import type { ContainerEvent, DockerPort } from "../../../src/docker/port.ts";

interface Life {
  readonly labels: Readonly<Record<string, string>>;
  runs: boolean;
  isProven: boolean;
}

const RECONNECT_MS = 200;
const REPLACES = "sidecrypt.replaces";
const UNIT = "sidecrypt.unit";

export class Watch {
  /** Since the last look at them. */
  readonly #broken: string[] = [];
  readonly #lives = new Map<string, Life>();
  readonly #end = new AbortController();
  readonly #done: Promise<void>;

  constructor(docker: DockerPort, project: string) {
    this.#done = this.#follow(docker, project);
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  /** What was done that may never be; the list starts anew. */
  take(): string[] {
    return this.#broken.splice(0);
  }

  async #follow(docker: DockerPort, project: string): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        for await (const event of docker.events(signal, { project })) this.#observe(event);
      } catch {
        // An engine that a test restarts tells nothing of what happens meanwhile.
        this.#lives.clear();
      }
      await systemClock.sleep(RECONNECT_MS, signal);
    }
  }

  #observe({ action, container, labels }: ContainerEvent): void {
    const life = this.#lives.get(container) ?? { labels, runs: false, isProven: false };
    this.#lives.set(container, life);
    if (action === "start") {
      this.#checkAlone(container, life);
      life.runs = true;
    }
    if (action === "die") Object.assign(life, { runs: false, isProven: false });
    if (action === "health_status: healthy") life.isProven = true;
    if (action === "destroy") {
      this.#checkReplaced(container);
      this.#lives.delete(container);
    }
  }

  /** H22, H44: two on one account. */
  #checkAlone(container: string, { labels }: Life): void {
    const twin = [...this.#lives].find(([id, one]) => {
      return id !== container && one.runs && sameReplica(one.labels, labels);
    });
    if (twin !== undefined) this.#broken.push(`${shortly(container)} started while ${shortly(twin[0])} ran`);
  }

  /** H40: a container that is to be replaced goes only once every new one of its unit has passed. */
  #checkReplaced(container: string): void {
    const heir = [...this.#lives.values()].find(({ labels }) => labels[REPLACES] === container);
    const unit = heir?.labels[UNIT];
    if (unit === undefined) return;
    const proven = [...this.#lives.values()].filter((one) => one.labels[UNIT] === unit && one.isProven).length;
    if (proven < Number(unit.split("/")[1])) this.#broken.push(`${shortly(container)} removed before its unit passed`);
  }
}

const shortly = (id: string): string => id.slice(0, 12);

function sameReplica(one: Life["labels"], other: Life["labels"]): boolean {
  const keys = ["com.docker.compose.service", "com.docker.compose.container-number"];
  return keys.every((key) => one[key] === other[key]);
}
