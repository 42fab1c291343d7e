/** The daemon's cycle on the fake engine, with a real memory in a directory of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Alarm } from "../../src/daemon/alarm.ts";
import { Cycle, type CycleParts } from "../../src/daemon/cycle.ts";
import { Memory } from "../../src/daemon/memory.ts";
import type { Pace } from "../../src/daemon/pace.ts";
import type { Present } from "../../src/daemon/present.ts";
import { createRedactor } from "../../src/report/redact.ts";
import { buildStatus, type ConsumerStatus, type Status } from "../../src/report/status.ts";
import { asSet } from "../../src/source/index.ts";
import type { Call, Script } from "../roll/fake-session.ts";
import { type Service, Sidecar, World } from "../roll/world.ts";

export interface Options extends Partial<Pace> {
  readonly parallelism?: number;
  readonly script?: Script;
}

export interface Line {
  readonly level: "info" | "warn" | "error";
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export const NEVER = new AbortController().signal;

export class CycleWorld {
  readonly world: World;
  readonly log: Line[] = [];
  readonly dir: string;
  memory!: Memory;
  cycle!: Cycle;
  sidecar!: Sidecar;
  #alarm!: Alarm;
  /** Something that happens between what a look sees and what it does. */
  afterObserve: () => Promise<void> = () => Promise.resolve();
  /** Else whoever waits is woken by signals alone: in a run, time is the gates'. */
  #isTimePassing = false;
  looksAhead = 0;

  private constructor(world: World, dir: string) {
    this.world = world;
    this.dir = dir;
  }

  /** Everything runs on v1, and the bundle says so. */
  static async on(services: readonly Service[], options: Options = {}): Promise<CycleWorld> {
    const dir = mkdtempSync(join(tmpdir(), "sidecrypt-cycle-"));
    onTestFinished(() => {
      rmSync(dir, { recursive: true, force: true });
    });
    const made = new CycleWorld(await World.on(services), dir);
    made.world.version = "v1";
    await made.start(options);
    await made.run();
    return made;
  }

  /** Another life of the sidecar's process. */
  async start({ parallelism = 1, minInterval = 0, budget = null, script }: Options): Promise<void> {
    this.memory = await Memory.load(this.dir);
    this.sidecar = new Sidecar(this.world, script);
    this.#alarm = new Alarm({ now: () => this.world.clock.now(), sleep: (ms, signal) => this.#sleep(ms, signal) });
    const log: CycleParts["log"] = {
      info: (event, fields = {}) => this.log.push({ level: "info", event, fields }),
      warn: (event, fields = {}) => this.log.push({ level: "warn", event, fields }),
      error: (event, fields = {}) => this.log.push({ level: "error", event, fields }),
    };
    this.cycle = new Cycle({
      reader: { read: () => Promise.resolve(this.#read()), values: () => [] },
      memory: this.memory,
      observer: {
        look: async () => {
          const observed = this.world.observe();
          await this.afterObserve();
          return observed;
        },
        lookAhead: () => {
          this.looksAhead += 1;
          return Promise.resolve();
        },
      },
      roll: { ...this.sidecar.ctx, log },
      alarm: this.#alarm,
      pace: { minInterval, budget },
      parallelism,
      log,
      redactor: createRedactor(),
    });
  }

  /** A new bundle, and all that comes of it at once. */
  async set(version: string): Promise<void> {
    this.world.version = version;
    await this.run();
  }

  run(stopping: AbortSignal = NEVER): Promise<void> {
    return this.cycle.run(stopping);
  }

  /** Gates that are not passed go on waiting, without their time running out, until the returned function is called. */
  holdGates(): () => void {
    const { clock } = this.world;
    const sleep = clock.sleep.bind(clock);
    clock.sleep = () => new Promise((resolve) => setImmediate(resolve));
    return () => {
      clock.sleep = sleep;
    };
  }

  ring(): void {
    this.#alarm.in(0);
  }

  /** Until the alarm rings, and the run that it rings for. */
  async runWhenDue(): Promise<void> {
    this.#isTimePassing = true;
    await this.#alarm.wait(NEVER);
    this.#isTimePassing = false;
    await this.run();
  }

  get now(): number {
    return this.world.clock.now();
  }

  /** The service's starts: `create` of a container for it. */
  created(service: string): Call[] {
    return this.sidecar.session.calls.filter(({ name, about }) => name === "create" && about.includes(`-${service}-`));
  }

  loaded(service: string): (string | null)[] {
    return this.world
      .containersOf(service)
      .filter(({ state }) => state === "running")
      .map((one) => one.loaded);
  }

  events(event: string): Line[] {
    return this.log.filter((line) => line.event === event);
  }

  get status(): Status {
    const { present, ...view } = this.cycle.view;
    return buildStatus({
      ...view,
      version: "0",
      now: this.now,
      startedAt: 0,
      bundle: { path: null, digest: present?.bundles?.digest ?? null, signers: [], fault: null },
      quarantine: this.memory.quarantine,
      failures: this.memory.failures,
      warnings: [],
    });
  }

  consumer(service: string): ConsumerStatus {
    return this.status.consumers.find((one) => one.service === service)!;
  }

  #read(): Present {
    const { version } = this.world;
    const digests = new Set(Object.values(this.memory.committed));
    return {
      path: "/bundle/test.env",
      bundles: asSet([{ name: "", path: "/bundle/test.env", bytes: Buffer.from(version), digest: digestOf(version) }]),
      opened: this.world.opened(version),
      signers: [],
      fault: null,
      isHalfDone: false,
      committed: new Map([...digests].map((digest) => [digest, this.world.opened(versionOf(digest))])),
      kept: new Map(),
    };
  }

  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isTimePassing) this.world.clock.time += ms;
    else if (signal?.aborted !== true) {
      await new Promise((resolve) => {
        signal?.addEventListener("abort", resolve);
      });
    }
  }
}

const digestOf = (version: string): string => Buffer.from(version).toString("hex").padEnd(64, "0");
const versionOf = (digest: string): string => Buffer.from(digest, "hex").toString().replaceAll("\0", "");
