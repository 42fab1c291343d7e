/** What a roll works with. Everything that acts on the world is passed in. */
import type { Clock } from "../clock.ts";
import type { DockerPort } from "../docker/port.ts";
import type { Log } from "../report/log.ts";
import type { Generation, SeenEntry } from "../types.ts";
import type { Hands } from "./hands.ts";
import type { Kin } from "./kin.ts";
import type { KnownLayers } from "./known-layers.ts";
import type { RollRecord } from "./record.ts";

export interface Drops {
  /** Puts the script `with-secrets` there, which is part of no generation. */
  equip(volume: string): Promise<void>;
  deliver(generation: Generation, adopt: readonly SeenEntry[]): Promise<void>;
  /** Id of the generation that stands there now; null: none. */
  currentId(volume: string): Promise<string | null>;
  /** The directory that `..data` points at; null: none, or no drop of this sidecar's. */
  pointsAt(volume: string): Promise<string | null>;
  /**
   * `..previous` becomes current again; nothing where there is none.
   * @param keepFailed the failed one is `..previous` until `commit`, for a command that needs both
   */
  flipBack(volume: string, keepFailed: boolean): Promise<void>;
  /** Drops `..previous`. */
  commit(volume: string): Promise<void>;
  markSeen(volume: string, entries: readonly SeenEntry[]): Promise<void>;
}

/** Rolls under way, as far as Docker's own state does not tell of them; they outlive this process and a reboot. */
export interface Records {
  readonly all: readonly RollRecord[];
  /** The one of the same operation is replaced. */
  write(record: RollRecord): Promise<void>;
  erase(operation: string): Promise<void>;
  /** Ids of containers that are being restarted in place: one that is found stopped is not so by a human's hand. */
  readonly restarts: readonly string[];
  beginRestart(container: string): Promise<void>;
  endRestart(container: string): Promise<void>;
}

export interface RollContext {
  readonly docker: DockerPort;
  readonly drops: Drops;
  readonly records: Records;
  readonly kin: Kin;
  readonly clock: Clock;
  readonly log: Log;
  readonly hands: Hands;
  readonly layers: KnownLayers;
  /** Aborts when the sidecar is told to stop: gates end, and the unit goes back. */
  readonly shutdown: AbortSignal;
}
