/**
 * One pass of the flow, level-triggered: look at everything, do what is to be done, until nothing is. Running it twice
 * does nothing the second time. Deliveries and looks hold the lock; a roll does not, so that a new container gets its
 * files at once while another unit's gate is waited for.
 */
import { faultOf } from "../fault.ts";
import { plan, type PlanInput, quarantineFor } from "../plan/index.ts";
import type { Log } from "../report/log.ts";
import type { Redactor } from "../report/redact.ts";
import type { RollContext } from "../roll/context.ts";
import { recover } from "../roll/recover.ts";
import { refresh } from "../roll/refresh.ts";
import { volumesOf } from "../roll/operation.ts";
import { rollUnit } from "../roll/unit.ts";
import type { Fault, Observed, Outcome, Plan, Unit } from "../types.ts";
import { Lock } from "./lock.ts";
import { warningsOf, withLosses } from "./losses.ts";
import type { Memory } from "./memory.ts";
import { News } from "./news.ts";
import type { Present, Reader } from "./present.ts";
import { adoptionsOn, settledVolumes } from "./settled.ts";

export interface CycleParts {
  readonly reader: Reader;
  readonly memory: Memory;
  readonly observe: () => Promise<Observed>;
  readonly roll: RollContext;
  readonly log: Log;
  readonly redactor: Redactor;
}

/** What was last seen, and what is being done: for status and health. */
export interface View {
  readonly present: Present | null;
  readonly observed: Observed | null;
  readonly plan: Plan | null;
  readonly faults: readonly Fault[];
  /** Services that are being rolled or refreshed. */
  readonly rolling: ReadonlySet<string>;
  /** Services whose way back failed: nothing is done with them until someone says `retry`. */
  readonly stuck: ReadonlyMap<string, Fault>;
  /** Services of the last run whose unit was taken back for a reason outside its files: the next one tries again. */
  readonly undone: ReadonlyMap<string, Fault>;
}

export const NOTHING_SEEN: View = {
  present: null,
  observed: null,
  plan: null,
  faults: [],
  rolling: new Set(),
  stuck: new Map(),
  undone: new Map(),
};

interface Look {
  readonly present: Present;
  readonly observed: Observed;
  readonly plan: Plan;
}

export class Cycle {
  readonly #parts: CycleParts;
  readonly #lock = new Lock();
  /** Drops of the unit that is being rolled: nobody else writes to them. */
  #inHand: ReadonlySet<string> = new Set();
  #rolling: ReadonlySet<string> = new Set();
  readonly #stuck = new Map<string, Fault>();
  #undone = new Map<string, Fault>();
  readonly #stuckOperations = new Set<string>();
  #lastLook: Look | null = null;
  #faults: readonly Fault[] = [];
  readonly #news: News;

  constructor(parts: CycleParts) {
    this.#parts = parts;
    this.#news = new News(parts.log);
  }

  get view(): View {
    const { present = null, observed = null, plan: made = null } = this.#lastLook ?? {};
    const [rolling, stuck, undone] = [this.#rolling, this.#stuck, this.#undone];
    return { present, observed, plan: made, faults: this.#faults, rolling, stuck, undone };
  }

  /** After `retry`: what was given up is looked at again. */
  forgetStuck(service: string | null): string[] {
    const services = [...this.#stuck.keys()].filter((one) => service === null || one === service);
    for (const one of services) this.#stuck.delete(one);
    this.#stuckOperations.clear();
    return services;
  }

  /** A new container's files, without waiting for a roll under way and without starting one. */
  async deliverOnly(): Promise<void> {
    await this.#guarded(() =>
      this.#lock.run(async () => {
        await this.#deliver(await this.#look());
      }),
    );
  }

  /** Everything, until a look finds nothing more to do or `stopping` says so. */
  async run(stopping: AbortSignal): Promise<void> {
    await this.#guarded(async () => {
      await this.#recover();
      const tried = new Set<string>();
      const refreshed = new Set<string>();
      this.#undone = new Map();
      for (;;) {
        const look = await this.#lock.run(() => this.#settle());
        if (stopping.aborted) return;
        if (await this.#refresh(look.plan, refreshed)) continue;
        const unit = look.plan.units.find((one) => !servicesOf(one).some((service) => this.#waits(service)));
        if (unit === undefined) return;
        if (!this.#firstTry(tried, unit)) return;
        await this.#roll(unit);
      }
    });
  }

  /** What would be done now; nothing is. */
  async preview(): Promise<Plan> {
    const { plan: made } = await this.#lock.run(() => this.#look());
    return withLosses(this.#parts.roll.docker, made);
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    const { log } = this.#parts;
    try {
      await work();
      if (this.#faults.length > 0) log.info("engine-found");
      this.#faults = [];
    } catch (thrown) {
      const fault = faultOf(thrown, "sidecar");
      const known = this.#faults.some((one) => one.message === fault.message);
      if (!known) log.error(fault.code.startsWith("docker-") ? "engine-lost" : "look-failed", { ...fault });
      this.#faults = [fault];
    }
  }

  /** A look, shown in status and said in the log. */
  async #lookAndTell(): Promise<Look> {
    const look = await this.#look();
    this.#lastLook = look;
    this.#news.bundle(look.present);
    this.#news.plan(look.plan);
    return look;
  }

  async #look(): Promise<Look> {
    const { reader, memory, observe, redactor } = this.#parts;
    const present = await reader.read();
    redactor.remember(reader.values());
    const observed = await observe();
    return { present, observed, plan: plan(planInput(present, observed, memory)) };
  }

  /** Deliveries, adoption and commits; returns a look in which only refreshes and units are left. */
  async #settle(): Promise<Look> {
    const first = await this.#lookAndTell();
    const changed = await this.#deliver(first);
    const look = changed ? await this.#lookAndTell() : first;
    await this.#adopt(look);
    await this.#commitSettled(look);
    return look;
  }

  async #deliver({ plan: made, observed }: Look): Promise<boolean> {
    const { roll, log } = this.#parts;
    const steps = made.deliveries.filter((step) => !this.#inHand.has(step.generation.volume));
    for (const step of steps) {
      const { volume, id } = step.generation;
      try {
        await roll.drops.deliver(step.generation, step.adopt);
        // Nobody is rolled for it, so there is nothing to go back from; not while a roll that was killed waits.
        if (!hasLeftover(observed, volume)) await roll.drops.commit(volume);
        log.info("delivered", { volume, generation: id, cause: step.cause });
      } catch (thrown) {
        log.error("drop-fault", { volume, ...faultOf(thrown, volume) });
      }
    }
    return steps.length > 0;
  }

  async #adopt({ observed, plan: made }: Look): Promise<void> {
    for (const drop of observed.drops) {
      if (drop.fault !== null || this.#inHand.has(drop.volume)) continue;
      await this.#parts.roll.drops.markSeen(drop.volume, adoptionsOn(drop, made));
    }
  }

  /** That is what a reboot falls back to. */
  async #commitSettled({ present, observed, plan: made }: Look): Promise<void> {
    const settled = [...settledVolumes(made)].filter((volume) => !this.#inHand.has(volume));
    for (const drop of observed.drops) {
      // A killed sidecar may have got as far as the last gate, but not to the commit.
      if (settled.includes(drop.volume) && drop.previous !== null && !hasLeftover(observed, drop.volume)) {
        await this.#parts.roll.drops.commit(drop.volume);
      }
    }
    if (present.opened !== null && present.bundle !== null) await this.#parts.memory.commit(settled, present.bundle);
  }

  /** False: nothing to restart, or only what was restarted in this run already. */
  async #refresh(made: Plan, refreshed: Set<string>): Promise<boolean> {
    const steps = made.refreshes.filter((step) => !step.containers.every((one) => refreshed.has(one.id)));
    if (steps.length === 0) return false;
    for (const container of steps.flatMap((step) => step.containers)) refreshed.add(container.id);
    this.#rolling = new Set(steps.map((step) => step.consumer.service));
    try {
      const faults = await refresh(this.#parts.roll, steps);
      for (const fault of faults) this.#parts.log.error("refresh-failed", { ...fault });
    } finally {
      this.#rolling = new Set();
    }
    return true;
  }

  async #roll(unit: Unit): Promise<void> {
    const { roll, log } = this.#parts;
    const services = servicesOf(unit);
    this.#inHand = new Set(volumesOf(unit));
    this.#rolling = new Set(services);
    try {
      this.#news.losses(services, await warningsOf(roll.docker, [unit]));
      log.info("roll-started", { services, names: unit.names });
      await this.#conclude(await rollUnit(roll, unit), unit);
    } finally {
      this.#inHand = new Set();
      this.#rolling = new Set();
    }
  }

  async #conclude(outcome: Outcome, unit: Unit): Promise<void> {
    const { memory, roll, log } = this.#parts;
    const services = servicesOf(unit);
    if (outcome.kind === "committed") {
      log.info("roll-committed", { services, members: outcome.members });
      return;
    }
    const { fault } = outcome;
    if (outcome.kind === "rolled-back") {
      const at = new Date(roll.clock.now()).toISOString();
      await memory.addQuarantine(quarantineFor(unit, fault.message, at));
      log.error("rolled-back", { services, ...fault });
    } else if (outcome.kind === "stuck") {
      for (const service of services) this.#stuck.set(service, fault);
      log.error("roll-stuck", { services, ...fault });
    } else {
      for (const service of services) this.#undone.set(service, fault);
      this.#news.undone(services, fault);
    }
  }

  /** What a cut-off roll goes back to, where its drop was emptied meanwhile: the old container has to find files. */
  async #refill({ present, observed }: Look): Promise<boolean> {
    const emptied = observed.drops.filter((drop) => drop.current === null && hasLeftover(observed, drop.volume));
    if (emptied.length === 0) return false;
    const committed = plan({ ...planInput(present, observed, this.#parts.memory), opened: null });
    const volumes = new Set(emptied.map((drop) => drop.volume));
    const deliveries = committed.deliveries.filter((step) => volumes.has(step.generation.volume));
    return this.#deliver({ present, observed, plan: { ...committed, deliveries } });
  }

  async #recover(): Promise<void> {
    const { observed, plan: made } = await this.#lock.run(async () => {
      const look = await this.#look();
      return (await this.#refill(look)) ? this.#look() : look;
    });
    const { roll, memory, log } = this.#parts;
    const scene = { containers: observed.containers, drops: observed.drops, consumers: made.consumers };
    const leftovers = await recover(roll, scene, this.#stuckOperations);
    // The engine was gone in the middle of it, and is back: what it left has just been recovered.
    for (const [service, { code }] of this.#stuck) if (code === "docker-unreachable") this.#stuck.delete(service);
    for (const { operation, services, wanted, outcome } of leftovers) {
      if (outcome.kind === "stuck") {
        this.#stuckOperations.add(operation);
        for (const service of services) this.#stuck.set(service, outcome.fault);
        log.error("roll-stuck", { services, ...outcome.fault });
      }
      if (outcome.kind === "rolled-back") {
        const at = new Date(roll.clock.now()).toISOString();
        const reason = outcome.fault.message;
        await memory.addQuarantine({ generations: wanted, names: [], services, reason, at });
        log.error("rolled-back", { services, ...outcome.fault });
      }
    }
  }

  #waits(service: string): boolean {
    return this.#stuck.has(service) || this.#undone.has(service);
  }

  /** A unit that passed and is planned again at once is a defect of ours; rolling on would be a storm. */
  #firstTry(tried: Set<string>, unit: Unit): boolean {
    const key = JSON.stringify([servicesOf(unit), unit.generations]);
    if (tried.has(key)) {
      this.#parts.log.error("defect", { message: "the same unit was planned twice", services: servicesOf(unit) });
      return false;
    }
    tried.add(key);
    return true;
  }
}

function planInput(present: Present, observed: Observed, memory: Memory): PlanInput {
  const fallback = new Map(
    Object.entries(memory.committed).flatMap(([volume, digest]) => {
      const opened = present.committed.get(digest);
      return opened === undefined ? [] : [[volume, opened] as const];
    }),
  );
  return { opened: present.opened, fallback, observed, quarantine: memory.quarantine };
}

function servicesOf(unit: Unit): string[] {
  return [...new Set(unit.steps.map((step) => step.consumer.service))].toSorted();
}

/** A candidate of a roll that was killed still waits to be recovered on this drop. */
function hasLeftover(observed: Observed, volume: string): boolean {
  return observed.containers.some(
    (one) => one.replaces !== null && one.mounts.some((mount) => mount.volume === volume),
  );
}
