/** Whose turn it is: which planned units may be rolled now, and which wait for their interval, their budget (H46) or an engine that failed them. */
import type { Clock } from "../clock.ts";
import { servicesOf } from "../plan/index.ts";
import type { Postponed } from "../report/status.ts";
import type { Outcome, Unit } from "../types.ts";
import type { Alarm } from "./alarm.ts";
import type { Memory } from "./memory.ts";
import type { News } from "./news.ts";
import { budgetFault, intervalReason, memoryOf, type Pace, pauseOf, type RollStart } from "./pace.ts";
import { isSameSet, leftOf, recessFault, recessOf } from "./tries.ts";

interface Parts {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly alarm: Alarm;
  readonly news: News;
}

type Undone = Extract<Outcome, { kind: "undone" }>;

export class Turns {
  readonly #parts: Parts;
  /** Of the last plan: the services of each unit that waits, and why. */
  #waiting: readonly (readonly [readonly string[], Postponed])[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get postponed(): ReadonlyMap<string, Postponed> {
    return new Map(this.#waiting.flatMap(([services, why]) => services.map((service) => [service, why] as const)));
  }

  /**
   * Those that need not wait; for the others the alarm is set.
   * @param planned those and all others
   */
  take(units: readonly Unit[], planned: readonly Unit[], sidecar: string): Unit[] {
    const { memory, clock, pace, alarm, news } = this.#parts;
    const ready: Unit[] = [];
    const waiting: [readonly string[], Postponed][] = [];
    const inForce = memory.tries.filter((one) => planned.some((unit) => isSameSet(one, unit)));
    for (const left of inForce.map((one) => leftOf(one, clock.now()))) if (left > 0) alarm.in(left);
    for (const unit of units) {
      const services = servicesOf(unit);
      const recess = recessOf(unit, inForce, clock.now());
      if (recess !== null) {
        waiting.push([services, recessFault(recess)]);
        continue;
      }
      const pause = pauseOf(services, memory.rolls, pace, clock.now());
      if (pause === null) {
        ready.push(unit);
        continue;
      }
      const fault = pause.spent === null ? null : budgetFault(pause, pause.spent, sidecar);
      waiting.push([services, fault ?? intervalReason(pause, pace)]);
      news.postponed(pause, services, fault);
      alarm.in(pause.until - clock.now());
    }
    this.#waiting = waiting;
    return ready;
  }

  /** Written down before the first container is touched. */
  async begin(services: readonly string[]): Promise<readonly RollStart[]> {
    const { memory, clock, pace } = this.#parts;
    const at = clock.now();
    if (memoryOf(pace) > 0) await memory.addRolls(services, at, memoryOf(pace));
    return services.map((service) => ({ service, at }));
  }

  /** What failed before anything was stopped is tried again with each look, and is no storm; other hands in a roll may be. */
  async undone({ fault, isCostly }: Undone, started: readonly RollStart[]): Promise<void> {
    if (isCostly || fault.code === "roll-failed") return;
    await this.#parts.memory.forgetRolls((roll) =>
      started.some(({ service, at }) => roll.service === service && roll.at === at),
    );
  }

  /** After `retry`, which waits for nothing: returns the services that did. */
  async forget(service: string | null, cleared: readonly string[]): Promise<string[]> {
    const concerned = this.#waiting.filter(([services]) => service === null || services.includes(service));
    const waiting = concerned.flatMap(([services]) => services);
    const freed = new Set([...waiting, ...cleared, service]);
    const tried = this.#parts.memory.tries.flatMap(({ services }) => services);
    await this.#parts.memory.forgetTries(tried.filter((one) => service === null || freed.has(one)));
    await this.#parts.memory.forgetRolls((roll) => service === null || freed.has(roll.service));
    return waiting;
  }
}
