/** What a roll works with. Everything that acts on the world is passed in. */
import type { Clock } from "../clock.ts";
import type { DockerPort } from "../docker/port.ts";
import type { Log } from "../report/log.ts";
import type { Generation, SeenEntry } from "../types.ts";
import type { Hands } from "./hands.ts";

export interface Drops {
  deliver(generation: Generation, adopt: readonly SeenEntry[]): Promise<void>;
  /** Id of the generation that stands there now; null: none. */
  currentId(volume: string): Promise<string | null>;
  /** `..previous` becomes current again; nothing where there is none. */
  flipBack(volume: string): Promise<void>;
  /** Drops `..previous`. */
  commit(volume: string): Promise<void>;
  markSeen(volume: string, entries: readonly SeenEntry[]): Promise<void>;
}

export interface RollContext {
  readonly docker: DockerPort;
  readonly drops: Drops;
  readonly clock: Clock;
  readonly log: Log;
  readonly hands: Hands;
  /** Aborts when the sidecar is told to stop: gates end, and the unit goes back. */
  readonly shutdown: AbortSignal;
}
