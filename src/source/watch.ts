/**
 * Says "look again" whenever the bundle's directory may have changed: file events, and a slow poll of the content for
 * what events do not show (network mounts, a watch limit, a directory that was replaced). Never says what changed.
 */
import { access, constants, stat } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import { debounce } from "./debounce.ts";
import { chokidarEvents } from "./events.ts";
import type { EventSource, OpenEvents } from "./events.ts";
import { fingerprint } from "./fingerprint.ts";

export interface WatchOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly debounceMs: number;
  readonly maxWaitMs: number;
  readonly pollMs: number;
  readonly onChange: () => void;
  /** Something happens: `onChange` comes after the quiet. */
  readonly onStir?: () => void;
  readonly onWarning: (message: string) => void;
  readonly signal: AbortSignal;
  /** Null: poll alone. */
  readonly events?: OpenEvents | null;
}

export interface Watch {
  close(): Promise<void>;
}

/** How often to ask (one stat) whether the directory is still the one that events are of. */
const IDENTITY_MS = 1_000;

/** Resolves when it is armed: look for the first time after that, and no change is missed. */
export async function watch(options: WatchOptions): Promise<Watch> {
  const watcher = new DirectoryWatch(options);
  await watcher.start();
  return watcher;
}

class DirectoryWatch implements Watch {
  readonly #options: WatchOptions;
  readonly #stop = new AbortController();
  readonly #trigger: () => void;
  #source: EventSource | null = null;
  /** The directory that the events are of; null: there is none, or we may not read it. */
  #watched: string | null = null;
  /** What was there when "look again" was said last. */
  #known = "";
  /** Events did not work once: the poll does it alone from then on. */
  #pollOnly: boolean;
  #polling: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#pollOnly = options.events === null;
    const settle = debounce({
      clock: options.clock,
      quietMs: options.debounceMs,
      maxWaitMs: options.maxWaitMs,
      signal: this.#stop.signal,
      fire: () => this.#fire(),
    });
    this.#trigger = () => {
      options.onStir?.();
      settle();
    };
  }

  async start(): Promise<void> {
    const { signal } = this.#options;
    const stop = (): void => void this.close();
    signal.addEventListener("abort", stop, { once: true });
    this.#stop.signal.addEventListener("abort", () => {
      signal.removeEventListener("abort", stop);
    });
    this.#known = await fingerprint(this.#options.dir);
    await this.#arm();
    this.#polling = this.#poll();
    if (signal.aborted) await this.close();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
    await this.#disarm();
  }

  async #fire(): Promise<void> {
    // Before the look, not after it: a change in between is then seen by the next poll at the latest.
    this.#known = await fingerprint(this.#options.dir);
    if (!this.#stop.signal.aborted) this.#options.onChange();
  }

  async #poll(): Promise<void> {
    const { clock, pollMs, dir } = this.#options;
    const { signal } = this.#stop;
    for (let waited = 0; ;) {
      const pause = Math.min(IDENTITY_MS, pollMs - waited);
      await clock.sleep(pause, signal);
      if (signal.aborted) return;
      await this.#rearm();
      waited += pause;
      if (waited < pollMs) continue;
      waited = 0;
      if ((await fingerprint(dir)) !== this.#known) this.#trigger();
    }
  }

  /** A watch holds an inode: of a directory that vanished and came back it reports nothing. */
  async #rearm(): Promise<void> {
    if ((await identityOf(this.#options.dir)) === this.#watched) return;
    await this.#disarm();
    await this.#arm();
    this.#trigger();
  }

  async #arm(): Promise<void> {
    this.#watched = await identityOf(this.#options.dir);
    if (this.#watched === null || this.#pollOnly) return;
    const open = this.#options.events ?? chokidarEvents;
    this.#source = await open(this.#options.dir, this.#trigger, (code) => {
      this.#giveUpEvents(code);
    });
  }

  async #disarm(): Promise<void> {
    const source = this.#source;
    this.#source = null;
    await source?.close();
  }

  #giveUpEvents(code: string): void {
    if (this.#pollOnly) return;
    this.#pollOnly = true;
    const limit = code === "ENOSPC" ? ", raise fs.inotify.max_user_watches on the host" : "";
    this.#options.onWarning(
      `no file events for ${this.#options.dir} (${code}): a change is found within ${this.#options.pollMs} ms${limit}`,
    );
    this.#trigger();
  }
}

/** With the time of birth: ext4 gives a directory that comes back the inode number of the one that went. */
async function identityOf(dir: string): Promise<string | null> {
  try {
    await access(dir, constants.R_OK | constants.X_OK);
    const { dev, ino, birthtimeMs } = await stat(dir);
    return `${dev}:${ino}:${birthtimeMs}`;
  } catch {
    return null;
  }
}
