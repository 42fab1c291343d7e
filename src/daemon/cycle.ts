/**
 * One pass of the flow, level-triggered: look at everything, do what is to be done, until nothing is. Running it twice
 * does nothing the second time. Deliveries and looks hold the lock; a roll does not, so that a new container gets its
 * files at once while another unit's gate is waited for.
 */
import { faultOf } from "../fault.ts";
import { plan, readStack, servicesOf, templatesAsked, triedIn } from "../plan/index.ts";
import type { Log } from "../report/log.ts";
import type { Redactor } from "../report/redact.ts";
import type { RollContext } from "../roll/context.ts";
import { recover } from "../roll/recover.ts";
import { finishRestarts, refresh } from "../roll/refresh.ts";
import { cutOff } from "../roll/restart.ts";
import { leftoverVolumes } from "../roll/leftover.ts";
import { volumesOf } from "../roll/operation.ts";
import { rollUnit } from "../roll/unit.ts";
import type { Fault, Plan, Unit } from "../types.ts";
import type { Alarm } from "./alarm.ts";
import { Lock } from "./lock.ts";
import { type Look, planInput } from "./look.ts";
import { withLosses } from "./losses.ts";
import type { Memory } from "./memory.ts";
import { News } from "./news.ts";
import type { Observer } from "./observer.ts";
import type { Pace } from "./pace.ts";
import type { Reader } from "./present.ts";
import { Setbacks } from "./setbacks.ts";
import { study } from "./study.ts";
import { adoptAll, commitSettled, deliverAll, type SettleParts, writeSettled } from "./settle.ts";
import { Turns } from "./turns.ts";
import { UnderWay } from "./under-way.ts";
import type { View } from "./view.ts";

export interface CycleParts {
  readonly reader: Pick<Reader, "read" | "values">;
  readonly memory: Memory;
  readonly observer: Pick<Observer, "look" | "lookAhead">;
  readonly roll: RollContext;
  /** Rings when something may have changed; the cycle sets it for what it has put off. */
  readonly alarm: Alarm;
  readonly pace: Pace;
  /** Units that are rolled at once. */
  readonly parallelism: number;
  readonly log: Log;
  readonly redactor: Redactor;
}

/** Milliseconds that a checkout may take between a bundle and its signature before the misfit is an error. */
const CHECKOUT = 1_000;

/** What one run has done, so that it does nothing twice. */
interface Run {
  readonly stopping: AbortSignal;
  /** Services to the generations that they were rolled to last. */
  readonly rolled: Map<string, string>;
  /** Ids of the containers that were restarted in place. */
  readonly refreshed: Set<string>;
  /** Ids of those whose restart had been cut off, and was finished or could not be. */
  readonly resumed: Set<string>;
}

export class Cycle {
  readonly #parts: CycleParts;
  readonly #lock = new Lock();
  readonly #underWay = new UnderWay();
  readonly #setbacks: Setbacks;
  readonly #turns: Turns;
  readonly #news: News;
  #refreshing: ReadonlySet<string> = new Set();
  #isRunning = false;
  #lastLook: Look | null = null;
  #faults: readonly Fault[] = [];

  constructor(parts: CycleParts) {
    const { log, memory, pace, alarm } = parts;
    const { clock } = parts.roll;
    this.#parts = parts;
    this.#news = new News(log);
    this.#setbacks = new Setbacks({ memory, clock, log, news: this.#news, records: parts.roll.records.all });
    this.#turns = new Turns({ memory, clock, pace, alarm, news: this.#news });
  }

  get view(): View {
    const { present = null, observed = null, plan: made = null } = this.#lastLook ?? {};
    const rolling = new Set([...this.#underWay.services, ...this.#refreshing]);
    const { stuck, undone } = this.#setbacks;
    return {
      present,
      observed,
      plan: made,
      faults: this.#faults,
      rolling,
      stuck,
      undone,
      postponed: this.#turns.postponed,
    };
  }

  /** After `retry`: what was given up or put off is looked at again, with those of a quarantine that was cleared. */
  async retry(service: string | null, cleared: readonly string[]): Promise<string[]> {
    const stuck = this.#setbacks.forget(service);
    return [...stuck, ...(await this.#turns.forget(service, cleared))];
  }

  /** A new container's files, without waiting for a roll under way and without starting one. */
  async deliverOnly(): Promise<void> {
    await this.#guarded(() =>
      this.#lock.run(async () => {
        await this.#deliver(await this.#look(false));
      }),
    );
  }

  /** Something is about to be looked at. While a run is under way, that changes what would be seen. */
  lookAhead(): void {
    if (!this.#isRunning) void this.#lock.run(() => this.#parts.observer.lookAhead());
  }

  /** Everything, until a look finds nothing more to do or `stopping` says so. */
  async run(stopping: AbortSignal): Promise<void> {
    this.#isRunning = true;
    await this.#guarded(async () => {
      const look = await this.#recover();
      this.#setbacks.newRun();
      const run: Run = { stopping, rolled: new Map(), refreshed: new Set(), resumed: new Set() };
      try {
        for (let first = look; await this.#step(run, first); first = null) this.#underWay.rethrow();
      } finally {
        await this.#underWay.allEnded();
        this.#underWay.rethrow();
      }
    });
    this.#isRunning = false;
  }

  /** One look (`first`, where there is one) and what comes of it; false: nothing more does. */
  async #step(run: Run, first: Look | null): Promise<boolean> {
    const { ended } = this.#underWay;
    const { look, written } = await this.#lock.run(() => this.#settle(first));
    try {
      return await this.#act(look, run, ended);
    } finally {
      await written;
    }
  }

  /** @param ended units that had ended before the look */
  async #act(look: Look, run: Run, ended: number): Promise<boolean> {
    if (run.stopping.aborted) return false;
    // It was seen half done: what has become of it, a quarantine say, is not in this plan.
    if (this.#underWay.ended !== ended) return true;
    // While one is being rolled, a container that is down between its stop and its start is in that roll's hands.
    if (this.#underWay.size === 0 && (await this.#resume(look, run))) return true;
    const refreshes = look.plan.refreshes.filter((step) => !step.containers.every((one) => run.refreshed.has(one.id)));
    // A server may be among those that are being rolled: nothing new begins, and then all restart in their order.
    if (refreshes.length > 0 && this.#underWay.size === 0) {
      await this.#refresh(refreshes, run);
      return true;
    }
    if (refreshes.length === 0) this.#begin(look, run);
    if (this.#underWay.size === 0) return false;
    await this.#somethingNew(run);
    return true;
  }

  /** Whatever may begin now, as far as there is room. */
  #begin({ observed, plan: made }: Look, run: Run): void {
    const { parallelism } = this.#parts;
    const order = readStack(observed).graph;
    const ready = made.units
      .filter((unit) => !this.#underWay.has(unit))
      .filter((unit) => !servicesOf(unit).some((service) => this.#setbacks.waits(service)));
    for (const unit of this.#turns.take(ready, made.units, observed.self.service)) {
      if (this.#underWay.size >= parallelism) return;
      if (!this.#underWay.allows(unit, order) || !this.#isNew(run, unit)) continue;
      this.#underWay.begin(unit, this.#roll(unit));
    }
  }

  /** A unit has ended; or, while there is room for another, the alarm rings. */
  async #somethingNew({ stopping }: Run): Promise<void> {
    if (this.#underWay.size >= this.#parts.parallelism) return this.#underWay.oneEnded();
    const ended = new AbortController();
    const rung = this.#parts.alarm.wait(AbortSignal.any([stopping, ended.signal]));
    await Promise.race([this.#underWay.oneEnded(), rung]);
    ended.abort();
    await rung;
  }

  /** What the next roll will want to know, until `signal` aborts. Nothing is changed. */
  async study(quietSince: number, signal: AbortSignal): Promise<void> {
    const look = this.#lastLook;
    if (look !== null) await study(this.#parts.roll, look.plan, quietSince, signal);
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
    return this.#tell(await this.#look());
  }

  #tell(look: Look): Look {
    this.#lastLook = look;
    this.#news.bundle(look.present);
    if (look.present.isHalfDone) this.#parts.alarm.in(CHECKOUT);
    this.#news.plan(this.#withoutHalfDone(look));
    return look;
  }

  /** What is half done reads like something else that is to be done. */
  #withoutHalfDone({ plan: made, inHand }: Look): Plan {
    return {
      ...made,
      deliveries: made.deliveries.filter(({ generation }) => !inHand.has(generation.volume)),
      units: made.units.filter((unit) => !volumesOf(unit).some((volume) => inHand.has(volume))),
    };
  }

  async #look(anew = true): Promise<Look> {
    const { reader, memory, observer, redactor } = this.#parts;
    const inHand = this.#underWay.volumes;
    const observed = await observer.look(anew);
    const present = await reader.read(templatesAsked(observed));
    redactor.remember(reader.values());
    const leftovers = leftoverVolumes(this.#parts.roll.records.all, observed.containers);
    return { present, observed, plan: plan(planInput(present, observed, memory)), inHand, leftovers };
  }

  /**
   * Deliveries, adoption and commits: a look in which only refreshes and units are left. `written`: on the disk too, for
   * which no roll waits.
   */
  async #settle(known: Look | null): Promise<{ look: Look; written: Promise<void> }> {
    const first = known === null ? await this.#lookAndTell() : this.#tell(known);
    const changed = await this.#deliver(first);
    const look = changed ? await this.#lookAndTell() : first;
    await adoptAll(this.#settling, look, this.#inHand(look));
    const settled = await commitSettled(this.#settling, look, this.#inHand(look));
    const written = writeSettled(this.#settling, look, settled);
    // Whoever acts on the look waits for it in the end.
    written.catch(() => undefined);
    return { look, written };
  }

  get #settling(): SettleParts {
    const { roll, memory, log } = this.#parts;
    return { drops: roll.drops, memory, log, news: this.#news };
  }

  #deliver(look: Look): Promise<boolean> {
    return deliverAll(this.#settling, look, this.#inHand(look));
  }

  #inHand({ inHand }: Look): ReadonlySet<string> {
    return new Set([...inHand, ...this.#underWay.volumes]);
  }

  async #refresh(steps: Plan["refreshes"], { refreshed }: Run): Promise<void> {
    for (const container of steps.flatMap((step) => step.containers)) refreshed.add(container.id);
    const services = steps.map((step) => step.consumer.service);
    await this.#refreshingThem(services, () => refresh(this.#parts.roll, steps));
  }

  /** Restarts that an earlier run began and the engine's end, or this process's, cut off; false: there are none. */
  async #resume({ observed, plan: { consumers } }: Look, { refreshed, resumed }: Run): Promise<boolean> {
    const { roll } = this.#parts;
    if (roll.records.restarts.length === 0) return false;
    const known = await cutOff(roll, observed.containers);
    const down = known.filter(({ id }) => !refreshed.has(id) && !resumed.has(id));
    if (down.length === 0) return false;
    for (const { id } of down) resumed.add(id);
    const services = down.map(({ service }) => service);
    await this.#refreshingThem(services, () => finishRestarts(roll, down, consumers));
    return true;
  }

  async #refreshingThem(services: readonly string[], work: () => Promise<readonly Fault[]>): Promise<void> {
    this.#refreshing = new Set(services);
    try {
      for (const fault of await work()) this.#parts.log.error("refresh-failed", { ...fault });
    } finally {
      this.#refreshing = new Set();
    }
  }

  async #roll(unit: Unit): Promise<void> {
    const { roll, log } = this.#parts;
    const tried = triedIn(unit);
    const { services, names } = tried;
    log.info("roll-started", { services, names });
    const begun = this.#turns.begin(services);
    const outcome = await rollUnit(roll, unit, begun);
    if (outcome.kind === "committed") log.info("roll-committed", { services, members: outcome.members });
    await this.#setbacks.record(outcome, tried);
    if (outcome.kind === "undone") await this.#turns.undone(outcome, await begun);
  }

  /** What a cut-off roll goes back to, where its drop was emptied meanwhile: the old container has to find files. */
  async #refill(look: Look): Promise<boolean> {
    const { present, observed, leftovers } = look;
    const emptied = observed.drops.filter((drop) => drop.current === null && leftovers.has(drop.volume));
    if (emptied.length === 0) return false;
    const committed = plan({ ...planInput(present, observed, this.#parts.memory), opened: null });
    const volumes = new Set(emptied.map((drop) => drop.volume));
    const deliveries = committed.deliveries.filter((step) => volumes.has(step.generation.volume));
    return this.#deliver({ ...look, plan: { ...committed, deliveries } });
  }

  /** Where nothing was cut off, the look that showed it: a second one would be most of the time before a roll. */
  async #recover(): Promise<Look | null> {
    const look = await this.#lock.run(async () => {
      const known = await this.#look(false);
      const first = this.#wasCutOff(known) ? await this.#look() : known;
      return (await this.#refill(first)) ? this.#look() : first;
    });
    const { observed, plan: made } = look;
    if (!this.#wasCutOff(look)) {
      this.#setbacks.forgetUnreachable();
      return look;
    }
    const scene = { containers: observed.containers, drops: observed.drops, consumers: made.consumers };
    const left = this.#setbacks.operationsToLeave(this.#parts.roll.records.all, observed.containers);
    const leftovers = await recover(this.#parts.roll, scene, left);
    this.#setbacks.forgetUnreachable();
    for (const { services, wanted, outcome } of leftovers) {
      // Taken back ungated: the look after it plans it anew.
      if (outcome.kind === "undone" && !outcome.isCostly) continue;
      await this.#setbacks.record(outcome, { services, generations: wanted, names: [] });
    }
    return null;
  }

  /** What is to be recovered shows in labels, which never change, and in what was written down. */
  #wasCutOff({ leftovers }: Look): boolean {
    return leftovers.size > 0 || this.#parts.roll.records.all.length > 0;
  }

  /** A unit that passed and is planned again at once is a defect of ours; rolling on would be a storm. */
  #isNew({ rolled }: Run, unit: Unit): boolean {
    const services = servicesOf(unit);
    const [key, generations] = [services.join(" "), JSON.stringify(unit.generations)];
    const isNew = rolled.get(key) !== generations;
    if (!isNew) this.#parts.log.error("defect", { message: "the same unit was planned twice", services });
    rolled.set(key, generations);
    return isNew;
  }
}
