/** What the engine knows of the demo's containers, and what it reports while they change. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { groupBy } from "../../src/collections.ts";
import { run, tryRun } from "./run.ts";

export const PROJECT = "sidecrypt-demo";
const OURS = `label=com.docker.compose.project=${PROJECT}`;

/** As in `docker inspect`. */
export interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Running: boolean;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
}

/** Every container of the project, in every state, by service; a service has two while it is replaced. */
export type Containers = ReadonlyMap<string, readonly Container[]>;

export function docker(...args: readonly string[]): Promise<string> {
  return run("docker", args);
}

export async function ids(): Promise<readonly string[]> {
  return (await docker("ps", "--all", "--quiet", "--no-trunc", "--filter", OURS)).split("\n").filter((id) => id !== "");
}

/** The very text that `docker inspect` prints. */
export async function inspectText(containers: readonly string[]): Promise<string> {
  return containers.length === 0 ? "[]" : docker("inspect", ...containers);
}

export async function containers(): Promise<Containers> {
  // One that was removed between the two calls makes inspect fail; it prints the others all the same.
  const { stdout } = await tryRun("docker", ["inspect", ...(await ids())]);
  const all = stdout.startsWith("[") ? (JSON.parse(stdout) as Container[]) : [];
  return groupBy(all, (container) => container.Config.Labels["com.docker.compose.service"] ?? "");
}

export interface EngineEvent {
  /** `die`, `start`, `health_status: healthy`, … */
  readonly action: string;
  readonly id: string;
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface RawEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

const ACTIONS = ["die", "start", "health_status"];

/** Recorded as they come: the engine itself remembers 256 events, which health checks fill in half a minute. */
export class Events {
  readonly #all: EngineEvent[] = [];
  readonly #child;

  constructor() {
    const filters = ["type=container", OURS, ...ACTIONS.map((action) => `event=${action}`)];
    const args = ["events", "--format", "{{json .}}", ...filters.flatMap((filter) => ["--filter", filter])];
    this.#child = spawn("docker", args, { stdio: ["ignore", "pipe", "ignore"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { Action, Actor, timeNano } = JSON.parse(line) as RawEvent;
      const service = Actor.Attributes["com.docker.compose.service"] ?? "";
      this.#all.push({ action: Action, id: Actor.ID, service, at: timeNano / 1e6 });
    });
  }

  /** When it last happened to a container. */
  at(action: string, id: string): number | null {
    return this.#all.findLast((event) => event.action === action && event.id === id)?.at ?? null;
  }

  /** The first one after a moment. */
  firstAfter(action: string, id: string, moment: number): number | null {
    return this.#all.find((event) => event.action === action && event.id === id && event.at >= moment)?.at ?? null;
  }

  close(): void {
    this.#child.kill();
  }
}
