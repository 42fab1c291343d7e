/** What the engine reports from a moment on, as a stream: its own memory holds 256 events, most of them health checks. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Engine } from "./engine.ts";

export interface EngineEvent {
  readonly action: string;
  readonly container: string;
  readonly service: string;
  readonly name: string;
  /** Nanoseconds since the epoch. */
  readonly time: number;
}

interface Raw {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

interface Waiting {
  readonly matches: (event: EngineEvent) => boolean;
  readonly resolve: (event: EngineEvent) => void;
}

const ACTIONS = ["create", "start", "stop", "die", "kill", "rename", "destroy"];

export class EventLog {
  readonly all: EngineEvent[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #child: ChildProcess;

  /** From `since` on, so that nothing is missed while the stream opens. */
  constructor(engine: Engine, project: string, since: Date = new Date()) {
    const filters = [
      "type=container",
      `label=com.docker.compose.project=${project}`,
      ...ACTIONS.map((a) => `event=${a}`),
    ];
    const args = ["events", "--format", "{{json .}}", "--since", String(since.getTime() / 1000)];
    this.#child = spawn("docker", [...args, ...filters.flatMap((filter) => ["--filter", filter])], {
      env: { ...process.env, ...engine.env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      const { Action, Actor, timeNano } = JSON.parse(line) as Raw;
      const { name = "", "com.docker.compose.service": service = "" } = Actor.Attributes;
      const event = { action: Action, container: Actor.ID, service, name, time: timeNano };
      this.all.push(event);
      for (const one of this.#waiting) if (one.matches(event)) one.resolve(event);
    });
  }

  of(service: string, action: string): EngineEvent[] {
    return this.all.filter((event) => event.service === service && event.action === action);
  }

  /** The first event of the kind, at the moment that it is reported. */
  next(service: string, action: string): Promise<EngineEvent> {
    return this.first((event) => event.service === service && event.action === action);
  }

  /** The first event that matches, at the moment that it is reported. */
  first(matches: (event: EngineEvent) => boolean): Promise<EngineEvent> {
    const known = this.all.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  close(): void {
    this.#child.kill();
  }
}
