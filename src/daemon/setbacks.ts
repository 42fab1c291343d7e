/** What became of rolls that did not commit: who is quarantined, given up, or tried again by the next run. */
import type { Clock } from "../clock.ts";
import type { Tried } from "../plan/index.ts";
import { LABEL_UNIT, parseUnit } from "../roll/journal.ts";
import { isGivenUp } from "../roll/operation.ts";
import type { RollRecord } from "../roll/record.ts";
import type { Log } from "../report/log.ts";
import type { Fault, KeptFailure, MemberOutcome, ObservedContainer, Outcome } from "../types.ts";
import type { Memory } from "./memory.ts";
import type { News } from "./news.ts";
import { isLast, oneMore } from "./tries.ts";

interface Parts {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly log: Log;
  readonly news: News;
  /** What was written down in an earlier life. */
  readonly records: readonly RollRecord[];
}

export class Setbacks {
  readonly #parts: Parts;
  readonly stuck = new Map<string, Fault>();
  #undone = new Map<string, Fault>();

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const { givenUp, members } of parts.records) {
      if (givenUp === null) continue;
      for (const { service } of members) this.stuck.set(service, givenUp);
    }
  }

  get undone(): ReadonlyMap<string, Fault> {
    return this.#undone;
  }

  /** After a roll or a recovery. */
  async record(outcome: Outcome, tried: Tried): Promise<void> {
    const { memory, log } = this.#parts;
    const { services } = tried;
    if (outcome.kind === "committed") {
      await memory.forgetTries(services);
      return memory.setFailures(services, failuresOf(outcome.members));
    }
    const { fault } = outcome;
    if (outcome.kind === "rolled-back") return this.#quarantine(tried, fault);
    if (outcome.kind === "undone") return this.#undo(tried, outcome);
    for (const service of services) this.stuck.set(service, fault);
    log.error("roll-stuck", { services, ...fault });
  }

  async #quarantine(tried: Tried, fault: Fault): Promise<void> {
    const { memory, clock, log } = this.#parts;
    const { services } = tried;
    const at = new Date(clock.now()).toISOString();
    await memory.addQuarantine({ ...tried, reason: fault.message, at });
    await memory.forgetTries(services);
    log.error("rolled-back", { services, ...fault });
  }

  async #undo(tried: Tried, { fault, isCostly }: Extract<Outcome, { kind: "undone" }>): Promise<void> {
    const { memory, clock, news } = this.#parts;
    const tries = oneMore(tried, fault, clock.now(), memory.tries);
    if (isCostly && isLast(tries)) {
      return this.#quarantine(tried, { ...fault, message: `${fault.message}; tried ${tries.count} times` });
    }
    if (isCostly) await memory.addTries(tries);
    for (const service of tried.services) this.#undone.set(service, fault);
    news.undone(tried.services, fault);
  }

  /** What was undone is tried again. */
  newRun(): void {
    this.#undone = new Map();
  }

  waits(service: string): boolean {
    return this.stuck.has(service) || this.#undone.has(service);
  }

  /** The operations of which the way back failed: never a way back of a way back (H43). */
  operationsToLeave(records: readonly RollRecord[], containers: readonly ObservedContainer[]): Set<string> {
    const left = containers.filter(({ service }) => this.#isGivenUp(service));
    const written = records.filter(({ members }) => members.some(({ service }) => this.#isGivenUp(service)));
    const marked = left.flatMap(({ labels }) => parseUnit(labels[LABEL_UNIT])?.operation ?? []);
    return new Set([...marked, ...written.map(({ operation }) => operation)]);
  }

  #isGivenUp(service: string): boolean {
    const fault = this.stuck.get(service);
    return fault !== undefined && isGivenUp(fault);
  }

  /** The engine was gone in the middle of it, and is back: what it left has just been recovered. */
  forgetUnreachable(): void {
    for (const [service, fault] of this.stuck) if (!isGivenUp(fault)) this.stuck.delete(service);
  }

  /** After `retry`. */
  forget(service: string | null): string[] {
    const services = [...this.stuck.keys()].filter((one) => service === null || one === service);
    for (const one of services) this.stuck.delete(one);
    return services;
  }
}

function failuresOf(members: readonly MemberOutcome[]): KeptFailure[] {
  return members.flatMap(({ service, generation, failure, left }) =>
    failure === null || generation === null ? [] : [{ service, generation, reason: failure, left }],
  );
}
