/**
 * Other hands on the engine while a roll is under way. Compose's own `start` and `restart` start a kept backup too,
 * since it carries the service's labels (operating.md): two bots on one account. A backup seen starting is stopped
 * before anything else, and a container that a human stops stays stopped.
 */
import type { ContainerEvent } from "../docker/port.ts";

/** HUP, USR1, USR2 and WINCH, by number: they tell a process to do something, not to end. */
const NO_STOPS: ReadonlySet<string> = new Set(["1", "10", "12", "28"]);

export class Hands {
  readonly #backups = new Set<string>();
  readonly #ownStops = new Set<string>();
  readonly #ownSignals = new Set<string>();
  readonly #stoppedByHand = new Set<string>();

  /** From now until `release`, this container must not run. */
  guard(backup: string): void {
    this.#backups.add(backup);
  }

  release(backup: string): void {
    this.#backups.delete(backup);
  }

  /** Called before each stop of ours, so that its events are not taken for a human's. */
  expectStop(container: string): void {
    this.#ownStops.add(container);
  }

  /** Called before each signal of ours: it is no stop, even where the process dies of it. */
  expectSignal(container: string): void {
    this.#ownSignals.add(container);
  }

  stoppedByHand(container: string): boolean {
    return this.#stoppedByHand.has(container);
  }

  /** Returns the id of a backup that has to be stopped at once, or null. */
  observe(event: ContainerEvent): string | null {
    const { action, container } = event;
    // `docker stop` tells itself from a crash by the kill event, which comes before the exit.
    if (action === "kill" && this.#isForeignStop(event)) this.#stoppedByHand.add(container);
    // Whatever its signal was: this one comes after a stop only.
    if (action === "stop" && !this.#ownStops.delete(container)) this.#stoppedByHand.add(container);
    if (action === "destroy") this.#forget(container);
    if (action !== "start") return null;
    this.#stoppedByHand.delete(container);
    return this.#backups.has(container) ? container : null;
  }

  #isForeignStop({ container, labels }: ContainerEvent): boolean {
    if (this.#ownStops.has(container)) return false;
    return !this.#ownSignals.delete(container) && !NO_STOPS.has(labels["signal"] ?? "");
  }

  #forget(container: string): void {
    this.#ownSignals.delete(container);
    this.#backups.delete(container);
    this.#ownStops.delete(container);
    this.#stoppedByHand.delete(container);
  }
}
