/**
 * `sidecrypt run`: connects the signals of the world (file events, engine events, polls, retry, SIGTERM) to the one
 * cycle. Every signal means "look again"; none carries what changed.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { CONTROL_SOCKET, type ControlHandlers, type ControlServer, serveControl } from "../control/index.ts";
import { readSwapWarnings } from "../deliver/index.ts";
import type { DockerPort } from "../docker/port.ts";
import { planToJson, printPlan } from "../plan/index.ts";
import { SidecryptError } from "../errors.ts";
import { faultOf } from "../fault.ts";
import type { Log } from "../report/log.ts";
import type { Redactor } from "../report/redact.ts";
import { buildStatus, type Status, type StatusInput } from "../report/status.ts";
import { Hands } from "../roll/hands.ts";
import { Kin } from "../roll/kin.ts";
import { KnownLayers } from "../roll/known-layers.ts";
import { watch, type Watch } from "../source/index.ts";
import type { Fault, Warning } from "../types.ts";
import { Alarm } from "./alarm.ts";
import { Cycle } from "./cycle.ts";
import { isReplaced } from "./deaf.ts";
import { type EngineEvents, followEvents, RECONNECT_AFTER } from "./engine-events.ts";
import { Memory } from "./memory.ts";
import { Observer } from "./observer.ts";
import { type Present, Reader } from "./present.ts";
import { RecordFile } from "./records.ts";
import { findSelf, type Self } from "./self.ts";
import { NOTHING_SEEN } from "./view.ts";
import { watchedDirectories } from "./watched.ts";
import { dropsOf } from "./world.ts";

export interface DaemonParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly version: string;
  readonly hostname: string;
  /** Aborts at SIGTERM. */
  readonly stop: AbortSignal;
  readonly connect: (socketPath: string, callTimeout: number) => Promise<DockerPort>;
}

/** Longest wait before a stream of file events is acted on, in debounce periods. */
const MAX_WAIT_FACTOR = 8;
/** Milliseconds after a container event: Compose stops, removes and starts within this. */
const SETTLE_AFTER_EVENT = 1_500;
/** Longest single sleep where nothing is due. */
const IDLE = 60_000;
/** Share of the grace period in which a roll may still finish; the rest is for the way back. */
const FINISH_SHARE = 0.4;

export async function runDaemon(parts: DaemonParts): Promise<void> {
  const memory = await Memory.load(parts.config.stateDir);
  const records = await RecordFile.load(parts.config.stateDir);
  const daemon = new Daemon(parts, memory, records);
  const control = await daemon.serve();
  try {
    await daemon.run();
  } finally {
    await control.close();
  }
}

class Daemon {
  readonly #parts: DaemonParts;
  readonly #memory: Memory;
  readonly #reader: Reader;
  readonly #records: RecordFile;
  readonly #hands = new Hands();
  readonly #kin = new Kin();
  /** Aborts when the engine's socket was replaced: only a new start reaches it. */
  readonly #deaf = new AbortController();
  /** Aborts when a roll under way has to go back. */
  readonly #giveUp = new AbortController();
  /** Aborts when the last roll has ended: till then other hands are watched, also while stopping. */
  readonly #finished = new AbortController();
  readonly #startedAt: number;
  #cycle: Cycle | null = null;
  #warnings: readonly Warning[] = [];
  #connectFault: Fault | null = null;
  readonly #alarm: Alarm;
  /** When something happened last that is no poll; milliseconds since the epoch. */
  #stirredAt: number;

  constructor(parts: DaemonParts, memory: Memory, records: RecordFile) {
    this.#parts = { ...parts, stop: AbortSignal.any([parts.stop, this.#deaf.signal]) };
    this.#records = records;
    this.#memory = memory;
    this.#reader = new Reader(parts.config, memory, parts.clock);
    this.#startedAt = parts.clock.now();
    this.#stirredAt = this.#startedAt;
    this.#alarm = new Alarm(parts.clock);
  }

  serve(): Promise<ControlServer> {
    const handlers: ControlHandlers = {
      status: () => this.#status(),
      health: () => {
        const { healthy, unhealthy } = this.#status();
        return { ok: healthy, reasons: unhealthy };
      },
      plan: async () => {
        const made = await this.#cycleOrThrow().preview();
        return { text: printPlan(made), json: planToJson(made) };
      },
      retry: (service) => this.#retry(service),
    };
    return serveControl({ path: join(this.#parts.config.stateDir, CONTROL_SOCKET), handlers });
  }

  async run(): Promise<void> {
    const { log, version, config } = this.#parts;
    log.info("daemon-started", { version });
    const watching = await this.#watchBundles();
    const engine = await this.#connect();
    if (engine !== null) {
      const { docker, self } = engine;
      const observer = new Observer(docker, self, this.#parts.clock);
      this.#cycle = this.#buildCycle(docker, self, observer);
      this.#warnings = await readSwapWarnings(self.drops);
      for (const warning of this.#warnings) log.warn("drop-warning", { ...warning });
      const others = [
        this.#followEvents(docker, self, observer),
        this.#poll(observer),
        this.#giveUpInTime(docker, config.stopGrace),
      ];
      await this.#loop(this.#cycle);
      this.#finished.abort();
      await Promise.all(others);
    }
    await Promise.all(watching.map((one) => one.close()));
    log.info("daemon-stopped");
    if (this.#deaf.signal.aborted) throw new SidecryptError("docker-unreachable", DEAF);
  }

  #watchBundles(): Promise<Watch[]> {
    return Promise.all(watchedDirectories(this.#parts.config).map((dir) => this.#watch(dir)));
  }

  #watch(dir: string): Promise<Watch> {
    const { config, clock, log, stop } = this.#parts;
    return watch({
      dir,
      clock,
      debounceMs: config.debounce,
      maxWaitMs: config.debounce * MAX_WAIT_FACTOR,
      pollMs: config.poll,
      onChange: () => {
        this.#stir(0);
      },
      onStir: () => {
        this.#cycle?.lookAhead();
      },
      onWarning: (message) => {
        log.warn("bundle-warning", { message });
      },
      signal: stop,
    });
  }

  /** The socket may be missing or closed to us for now; null: told to stop before it was not. */
  async #connect(): Promise<{ docker: DockerPort; self: Self } | null> {
    const { config, clock, log, stop, hostname } = this.#parts;
    for (;;) {
      if (stop.aborted) return null;
      try {
        const docker = await this.#parts.connect(config.dockerSocket, config.apiTimeout);
        const mountinfo = await readFile("/proc/self/mountinfo", "utf8");
        const self = await findSelf(docker, { mountinfo, hostname, stateDir: config.stateDir });
        this.#connectFault = null;
        return { docker, self };
      } catch (thrown) {
        const fault = faultOf(thrown, "engine");
        if (this.#connectFault?.message !== fault.message) log.error("engine-lost", { ...fault });
        this.#connectFault = fault;
      }
      await clock.sleep(RECONNECT_AFTER, stop);
    }
  }

  #buildCycle(docker: DockerPort, self: Self, observer: Observer): Cycle {
    const { clock, config, log, redactor } = this.#parts;
    const shutdown = this.#giveUp.signal;
    return new Cycle({
      reader: this.#reader,
      memory: this.#memory,
      observer,
      roll: {
        docker,
        drops: dropsOf(self.drops),
        records: this.#records,
        kin: this.#kin,
        clock,
        log,
        hands: this.#hands,
        layers: new KnownLayers(),
        shutdown,
      },
      alarm: this.#alarm,
      pace: config,
      parallelism: config.parallelism,
      log,
      redactor,
    });
  }

  async #loop(cycle: Cycle): Promise<void> {
    const { stop } = this.#parts;
    let studied = Promise.resolve();
    while (!this.#stopping()) {
      await cycle.run(stop);
      const rung = new AbortController();
      studied = studied.then(() => cycle.study(this.#stirredAt, AbortSignal.any([stop, rung.signal])));
      await this.#alarm.wait(stop);
      rung.abort();
    }
    await studied;
  }

  #stopping(): boolean {
    return this.#parts.stop.aborted;
  }

  #isFinished(): boolean {
    return this.#finished.signal.aborted;
  }

  async #poll(observer: Observer): Promise<void> {
    const { clock, config } = this.#parts;
    while (!this.#isFinished()) {
      await clock.sleep(config.poll, this.#finished.signal);
      observer.renew();
      this.#alarm.in(0);
    }
  }

  #followEvents(docker: DockerPort, self: Self, observer: Observer): Promise<void> {
    const { clock, log } = this.#parts;
    const parts: EngineEvents = {
      ...{ docker, self, observer, hands: this.#hands, clock, log },
      onCreated: () => void this.#cycle?.deliverOnly(),
      onChanged: () => {
        this.#stir(SETTLE_AFTER_EVENT);
      },
      onLost: () => this.#endWhereDeaf(),
      onGap: () => {
        this.#alarm.in(0);
      },
    };
    return followEvents(parts, this.#finished.signal);
  }

  async #endWhereDeaf(): Promise<void> {
    const { config, log } = this.#parts;
    if (this.#stopping() || !(await isReplaced(config.dockerSocket))) return;
    log.error("engine-lost", { code: "docker-unreachable", subject: "engine", message: DEAF });
    this.#deaf.abort();
  }

  #stir(after: number): void {
    this.#stirredAt = this.#parts.clock.now();
    this.#alarm.in(after);
  }

  /**
   * First the roll under way may finish; then it has to go back while there is still time for it. Where the engine ends
   * too it is left as it is: the next start finishes or undoes it.
   */
  async #giveUpInTime(docker: DockerPort, graceMs: number): Promise<void> {
    const { clock, stop, log } = this.#parts;
    while (!this.#stopping()) await clock.sleep(IDLE, stop);
    log.info("daemon-stopping");
    if (!(await docker.stays())) log.info("engine-ending");
    await clock.sleep(graceMs * FINISH_SHARE, this.#finished.signal);
    if (!this.#isFinished()) this.#giveUp.abort();
  }

  async #retry(service: string | null): Promise<{ cleared: readonly string[] }> {
    const cycle = this.#cycleOrThrow();
    const cleared = await this.#memory.clearQuarantine((one) => service === null || one.services.includes(service));
    const given = await cycle.retry(service, cleared);
    // Sets that are not in force go without a word: nothing is tried again for them.
    const held = new Set(cycle.view.plan?.held.flatMap((unit) => unit.services));
    const services = [...new Set([...given, ...cleared.filter((one) => held.has(one))])].toSorted();
    if (services.length > 0) this.#parts.log.info("quarantine-cleared", { services });
    this.#alarm.in(0);
    return { cleared: services };
  }

  #cycleOrThrow(): Cycle {
    if (this.#cycle !== null) return this.#cycle;
    const fault = this.#connectFault;
    throw new SidecryptError(
      fault?.code ?? "docker-unreachable",
      fault?.message ?? "the engine has not answered yet",
      fault?.hint,
    );
  }

  #status(): Status {
    const { clock, version } = this.#parts;
    const { present, observed, plan, faults, rolling, stuck, undone, postponed } = this.#cycle?.view ?? NOTHING_SEEN;
    const unconnected = this.#connectFault === null ? [] : [this.#connectFault];
    return buildStatus({
      version,
      now: clock.now(),
      startedAt: this.#startedAt,
      bundle: bundleOf(present),
      observed,
      plan,
      rolling,
      stuck,
      undone,
      postponed,
      quarantine: this.#memory.quarantine,
      failures: this.#memory.failures,
      faults: [...unconnected, ...faults],
      warnings: this.#warnings,
    });
  }
}

function bundleOf(present: Present | null): StatusInput["bundle"] {
  return {
    path: present?.path ?? null,
    digest: present?.bundles?.digest ?? null,
    signers: present?.signers.map(({ principals }) => principals) ?? [],
    fault: present?.fault ?? null,
  };
}

const DEAF =
  "the engine has made its socket anew, and the one that is mounted here leads nowhere: the sidecar ends, so that its restart policy starts it on the new one";
