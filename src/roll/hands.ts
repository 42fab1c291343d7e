/**
 * Other hands on the engine while a roll is under way. Compose's own `start` and `restart` start a kept backup too,
 * since it carries the service's labels (operating.md), and a candidate before its time: two bots on one account. Either
 * is stopped before anything else when it is seen starting, and a container that a human stops stays stopped.
 */
import type { ContainerEvent } from "../docker/port.ts";

/** HUP, USR1, USR2 and WINCH, by number: they tell a process to do something, not to end. */
const NO_STOPS: ReadonlySet<string> = new Set(["1", "10", "12", "28"]);

export class Hands {
  /** What must not run, and beside which other container; null: not at all. */
  readonly #guarded = new Map<string, string | null>();
  readonly #ownStops = new Set<string>();
  readonly #ownSignals = new Set<string>();
  readonly #stoppedByUs = new Set<string>();
  readonly #stoppedByHand = new Set<string>();

  /** From now until `release`, this container must not run: not at all, or not while `beside` does. */
  guard(container: string, beside: string | null = null): void {
    this.#guarded.set(container, beside);
  }

  release(container: string): void {
    this.#guarded.delete(container);
  }

  isGuarded(container: string): boolean {
    return this.#guarded.has(container);
  }

  /** The container beside which a guarded one must not run; null: it must not run at all. */
  besideOf(container: string): string | null {
    return this.#guarded.get(container) ?? null;
  }

  /** Called before each stop of ours, so that its events are not taken for a human's. */
  expectStop(container: string): void {
    this.#ownStops.add(container);
  }

  /** It ran, and our own stop has ended that: whatever the events of it say, which may come later, until it starts again. */
  haveStopped(container: string): void {
    this.#stoppedByUs.add(container);
    this.#ownStops.delete(container);
    this.#stoppedByHand.delete(container);
  }

  /** Called before each signal of ours: it is no stop, even where the process dies of it. */
  expectSignal(container: string): void {
    this.#ownSignals.add(container);
  }

  stoppedByHand(container: string): boolean {
    return this.#stoppedByHand.has(container);
  }

  /** Returns the id of a guarded container that has to be stopped at once, or null. */
  observe(event: ContainerEvent): string | null {
    const { action, container } = event;
    if (action === "start") this.#stoppedByUs.delete(container);
    if (action !== "destroy" && this.#stoppedByUs.has(container)) return null;
    // `docker stop` tells itself from a crash by the kill event, which comes before the exit.
    if (action === "kill" && this.#isForeignStop(event)) this.#stoppedByHand.add(container);
    // Whatever its signal was: this one comes after a stop only.
    if (action === "stop" && !this.#ownStops.delete(container)) this.#stoppedByHand.add(container);
    if (action === "destroy") this.#forget(container);
    if (action !== "start") return null;
    this.#stoppedByHand.delete(container);
    return this.isGuarded(container) ? container : null;
  }

  #isForeignStop({ container, labels }: ContainerEvent): boolean {
    if (this.#ownStops.has(container)) return false;
    return !this.#ownSignals.delete(container) && !NO_STOPS.has(labels["signal"] ?? "");
  }

  #forget(container: string): void {
    this.#ownSignals.delete(container);
    this.#stoppedByUs.delete(container);
    this.#guarded.delete(container);
    this.#ownStops.delete(container);
    this.#stoppedByHand.delete(container);
  }
}
