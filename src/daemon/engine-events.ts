/**
 * What the engine tells: a container that needs its files at once, one that has changed, and one that somebody starts
 * while it must not run.
 */
import type { Clock } from "../clock.ts";
import { isUp } from "../container-state.ts";
import { COMPOSE_PROJECT } from "../docker/compose-labels.ts";
import type { ContainerEvent, DockerPort } from "../docker/port.ts";
import { faultOf } from "../fault.ts";
import type { Log } from "../report/log.ts";
import type { Hands } from "../roll/hands.ts";
import { LABEL_REPLACES } from "../roll/journal.ts";
import type { Observer } from "./observer.ts";
import type { Self } from "./self.ts";

export interface EngineEvents {
  readonly docker: DockerPort;
  readonly self: Pick<Self, "id" | "project">;
  readonly observer: Pick<Observer, "told" | "hear">;
  readonly hands: Hands;
  readonly clock: Clock;
  readonly log: Log;
  /** Nobody made it here, and its start follows in under a second: the files have to be there first. */
  readonly onCreated: () => void;
  readonly onChanged: () => void;
  /** The stream has ended. */
  readonly onLost: () => Promise<void>;
  /** After a gap: what happened meanwhile is found by looking. */
  readonly onGap: () => void;
}

/** Milliseconds. */
export const RECONNECT_AFTER = 1_000;

/** Until `signal` aborts, however often the stream breaks. */
export async function followEvents(parts: EngineEvents, signal: AbortSignal): Promise<void> {
  const { docker, self, observer, clock, log } = parts;
  const opened = (): void => {
    observer.told(true);
  };
  while (!signal.aborted) {
    try {
      for await (const event of docker.events(signal, { project: self.project, opened })) {
        observer.hear(event);
        onEvent(parts, event);
      }
    } catch (thrown) {
      if (!isAborted(signal)) log.warn("engine-lost", { ...faultOf(thrown, "events") });
      await parts.onLost();
    }
    observer.told(false);
    await clock.sleep(RECONNECT_AFTER, signal);
    parts.onGap();
  }
}

/** Asked again: it may be another one since the loop asked. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;

function onEvent(parts: EngineEvents, event: ContainerEvent): void {
  const guarded = parts.hands.observe(event);
  if (guarded !== null) void stopGuarded(parts, guarded);
  // An engine filters by project, what stands between it and us may not.
  if (event.labels[COMPOSE_PROJECT] !== parts.self.project || event.container === parts.self.id) return;
  if (event.action === "create" && !isCandidate(event)) parts.onCreated();
  if (CHANGES.has(event.action)) parts.onChanged();
}

async function stopGuarded({ docker, hands, log }: EngineEvents, id: string): Promise<void> {
  const container = id.slice(0, 12);
  try {
    const beside = hands.besideOf(id);
    // Compose's `up` removes the old one and starts its copy: that one stays.
    if (beside !== null && !isUp((await docker.inspect(beside)) ?? GONE)) return;
    if (!hands.isGuarded(id)) return;
    log.warn("backup-started", { container });
    // A kill makes no event of a stop: waited for, it would later hide a person's.
    hands.expectSignal(id);
    // Killed, not asked: it has just begun, and a process that is PID 1 ignores SIGTERM until it has its handlers.
    await docker.kill(id, "KILL");
  } catch (thrown) {
    log.error("backup-started", { container, ...faultOf(thrown, container) });
  }
}

const GONE = { state: "dead" } as const;

/** Made by a roll, which has delivered already. */
const isCandidate = (event: ContainerEvent): boolean => event.labels[LABEL_REPLACES] !== undefined;

/** After these the world is another one. */
const CHANGES: ReadonlySet<string> = new Set([
  ...["create", "start", "die", "destroy", "rename", "unpause"],
  ...["health_status: healthy", "health_status: unhealthy"],
]);
