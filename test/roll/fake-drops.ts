/** Drops in memory, as src/deliver keeps them on disk: the generation committed last stays until the commit. */
import type { Drops } from "../../src/roll/context.ts";
import { adoptSeen, replaceSeen, seenOf } from "../../src/deliver/seen.ts";
import type { Delivered, Generation, ObservedDrop, SeenEntry } from "../../src/types.ts";
import type { FakeClock } from "./fake-clock.ts";
import type { FakeSession } from "./fake-session.ts";

interface Held {
  current: Delivered | null;
  previous: Delivered | null;
  /** While a command on the way back needs both. */
  failed?: Delivered | null;
  seen: readonly SeenEntry[];
}

export class FakeDrops {
  readonly #held = new Map<string, Held>();
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  of(volume: string): Held {
    const held = this.#held.get(volume) ?? { current: null, previous: null, seen: [] };
    this.#held.set(volume, held);
    return held;
  }

  copyFrom(other: FakeDrops): void {
    for (const [volume, held] of other.#held) this.#held.set(volume, { ...held });
  }

  get observed(): ObservedDrop[] {
    return [...this.#held].map(([volume, held]) => ({ volume, path: `/drops/${volume}`, ...held, fault: null }));
  }

  pointsAt(volume: string): string | null {
    const { current } = this.of(volume);
    return current === null ? null : `..gen-${current.id}`;
  }

  /** The one file's text; null: nothing is delivered. */
  read(volume: string): string | null {
    const [bytes] = this.of(volume).current?.files.values() ?? [];
    return bytes === undefined ? null : Buffer.from(bytes).toString();
  }

  deliver(generation: Generation, adopt: readonly SeenEntry[]): void {
    const held = this.of(generation.volume);
    held.seen = adoptSeen(held.seen, adopt);
    if (held.current?.id === generation.id) return;
    held.previous ??= held.current;
    held.current = { id: generation.id, files: generation.files, deliveredAt: this.#clock.now() };
    if (held.previous?.id === generation.id) held.previous = null;
    held.seen = seenOf(held.seen, idsOn(held));
  }

  flipBack(volume: string, keepFailed = false): void {
    const held = this.of(volume);
    if (held.previous === null) return;
    held.failed = keepFailed ? held.current : null;
    held.current = { ...held.previous, deliveredAt: this.#clock.now() };
    held.previous = null;
  }

  commit(volume: string): void {
    Object.assign(this.of(volume), { previous: null, failed: null });
  }

  markSeen(volume: string, entries: readonly SeenEntry[]): void {
    const held = this.of(volume);
    held.seen = seenOf(replaceSeen(held.seen, entries), idsOn(held));
  }

  /** As one sidecar acts on them: its calls are counted with those to the engine. */
  session(session: FakeSession): Drops {
    return {
      equip: () => Promise.resolve(),
      deliver: (generation, adopt) =>
        session.step("deliver", generation.volume, true, () => {
          this.deliver(generation, adopt);
        }),
      currentId: (volume) => session.step("currentId", volume, false, () => this.of(volume).current?.id ?? null),
      pointsAt: (volume) => session.step("pointsAt", volume, false, () => this.pointsAt(volume)),
      flipBack: (volume, keepFailed) =>
        session.step("flipBack", volume, true, () => {
          this.flipBack(volume, keepFailed);
        }),
      commit: (volume) =>
        session.step("commit", volume, true, () => {
          this.commit(volume);
        }),
      markSeen: (volume, entries) =>
        session.step("markSeen", volume, true, () => {
          this.markSeen(volume, entries);
        }),
    };
  }
}

function idsOn({ current, previous }: Held): Set<string> {
  return new Set([current, previous].filter((one) => one !== null).map((one) => one.id));
}
