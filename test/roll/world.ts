/** A stack on the fake engine, and sidecars that look after it: the daemon's cycle in small, without its disk. */
import { isPast } from "../../src/container-state.ts";
import { plan } from "../../src/plan/index.ts";
import type { RollContext } from "../../src/roll/context.ts";
import { Hands } from "../../src/roll/hands.ts";
import { Kin } from "../../src/roll/kin.ts";
import { KnownLayers } from "../../src/roll/known-layers.ts";
import { leftoverVolumes, replacedBy } from "../../src/roll/leftover.ts";
import { volumesOf } from "../../src/roll/operation.ts";
import { recover } from "../../src/roll/recover.ts";
import { finishRestarts, refresh } from "../../src/roll/refresh.ts";
import { cutOff } from "../../src/roll/restart.ts";
import { namespaceParents } from "../../src/roll/spaces.ts";
import { rollUnit } from "../../src/roll/unit.ts";
import type {
  Observed,
  ObservedContainer,
  Opened,
  Outcome,
  Plan,
  Quarantine,
  SeenEntry,
  Unit,
} from "../../src/types.ts";
import { isCurrent } from "../../src/plan/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeDrops } from "./fake-drops.ts";
import { FakeRecords } from "./fake-records.ts";
import { type Behaviour, type FakeContainer, FakeEngine, IMAGE_NAME, ownerOf, serviceOf } from "./fake-engine.ts";
import { type FakeSession, Killed, type Script } from "./fake-session.ts";

export interface Service {
  readonly name: string;
  readonly after?: readonly string[];
  readonly onChange?: string;
  readonly policy?: string;
  readonly replicas?: number;
  readonly order?: string;
  readonly onFailure?: string;
  /** False: it asks for nothing. */
  readonly secrets?: boolean;
  /** Of `after`, those that it says `restart: true` of. */
  readonly bound?: readonly string[];
  /** The service whose network it lives in. */
  readonly network?: string;
  /** The one that it asks for; else what all others ask for. */
  readonly secret?: string;
  /** Under which it is healthy: its own version, and that of the server it logs in to. */
  readonly healthy?: (own: string | null, server: string | null) => boolean;
}

const PROJECT = "stack";
const SERVER = "redis";
const SHARED = "PASSWORD";
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Seeding is slow: once for each list of services. */
const seeded = new Map<readonly Service[], Promise<World>>();

export class World {
  readonly clock = new FakeClock();
  readonly engine = new FakeEngine(this.clock);
  readonly drops = new FakeDrops(this.clock);
  readonly services: readonly Service[];
  readonly quarantine: Quarantine[] = [];
  /** What outlives a sidecar in /state. */
  readonly records = new FakeRecords();
  /** Of the bundle: what every service asks for. */
  version = "v1";
  /** What the gates must refuse. */
  bad: string | null = null;
  /** Live-restore has lost count of the drops' mounts. */
  isSplit = false;
  /** On what the command of an `exec:` fails. */
  badCommand: string | null = null;

  constructor(services: readonly Service[]) {
    this.services = services;
    this.engine.read = (container) => this.drops.read(volumeOf(serviceOf(container)));
    this.engine.link = (container) => (this.isSplit ? null : this.drops.pointsAt(volumeOf(serviceOf(container))));
    this.engine.behave = (container) => this.#behave(container);
    this.engine.mayOverlap = (container) => this.#service(container)?.order === "start-first";
    this.engine.execute = (container) => {
      // What `ALTER ROLE` does: the server has the value of its file from then on.
      container.loaded = this.drops.read(volumeOf(serviceOf(container)));
      return container.loaded === this.badCommand ? 1 : 0;
    };
  }

  /** Everything runs on v1; the bundle says v2. */
  static async on(services: readonly Service[]): Promise<World> {
    const world = new World(services);
    const settled = await (seeded.get(services) ?? World.#seeded(services));
    world.engine.copyFrom(settled.engine);
    world.drops.copyFrom(settled.drops);
    world.clock.time = settled.clock.time + 60_000;
    world.version = "v2";
    return world;
  }

  static #seeded(services: readonly Service[]): Promise<World> {
    const world = new World(services);
    for (const { name, secrets = true } of services) if (secrets) world.drops.of(volumeOf(name));
    for (const service of services) {
      for (let number = 1; number <= (service.replicas ?? 1); number++) world.#seed(service, number);
    }
    const settled = new Sidecar(world).converge().then(() => {
      // The first files came after the first starts.
      for (const { name, bound = [], network } of services) {
        if (bound.length > 0 || network !== undefined) world.engine.restart(nameOf(name));
      }
      return new Sidecar(world).converge().then(() => world);
    });
    seeded.set(services, settled);
    return settled;
  }

  containersOf(service: string): FakeContainer[] {
    return [...this.engine.containers.values()].filter((one) => serviceOf(one) === service);
  }

  /** All that must hold when nothing is under way, as far as it does not. */
  problems(version: string): string[] {
    const found = [...this.engine.violations];
    for (const service of this.services) {
      const { name, policy = "unless-stopped", replicas = 1, secrets = true } = service;
      const containers = this.containersOf(name);
      const names = containers.map((one) => one.name).toSorted();
      const wanted = Array.from({ length: replicas }, (_, index) => nameOf(name, index + 1));
      if (JSON.stringify(names) !== JSON.stringify(wanted)) found.push(`${name}: containers ${names.join(", ")}`);
      for (const one of containers) {
        if (one.state !== "running") found.push(`${one.name} is ${one.state}`);
        else if (secrets && one.loaded !== version) found.push(`${one.name} runs on ${one.loaded ?? "nothing"}`);
        if (one.policy["Name"] !== policy) found.push(`${one.name} has policy ${String(one.policy["Name"])}`);
      }
      found.push(...this.#strays(service));
      if (!secrets) continue;
      const { previous } = this.drops.of(volumeOf(name));
      if (this.drops.read(volumeOf(name)) !== version)
        found.push(`${name}: files are ${this.drops.read(volumeOf(name)) ?? "none"}`);
      if (previous !== null) found.push(`${name}: its drop is not committed`);
    }
    return found;
  }

  /** A container that was not started again after the one that it follows. */
  #strays({ name, network, bound = [] }: Service): string[] {
    return this.containersOf(name).flatMap((one) => {
      const before = [...bound, ...(network === undefined ? [] : [network])].flatMap((other) =>
        this.containersOf(other),
      );
      const owner = ownerOf(one);
      const isOrphan = owner !== null && this.engine.containers.get(owner)?.state !== "running";
      const isEarly = before.some((other) => (other.startedAt ?? 0) > (one.startedAt ?? 0));
      return [
        ...(isOrphan ? [`${one.name} has no network`] : []),
        ...(isEarly ? [`${one.name} started too early`] : []),
      ];
    });
  }

  /** A reboot of the machine: memory-backed volumes are empty. */
  reboot(): void {
    for (const service of this.services.filter(({ secrets = true }) => secrets)) {
      Object.assign(this.drops.of(volumeOf(service.name)), { current: null, previous: null, seen: [] });
    }
    this.engine.reboot();
    // A human's or the engine's doing, not a roll's.
    this.engine.violations.length = 0;
  }

  /** Compose's own `start`: it starts a kept backup and a candidate too (operating.md). */
  composeStart(): void {
    for (const id of this.engine.containers.keys()) this.engine.start(id);
    this.engine.violations.length = 0;
  }

  observe(): Observed {
    const all = [...this.engine.containers.keys()].map((id) => this.engine.inspect(id)!).filter((one) => !isPast(one));
    const alive = new Set(all.map((one) => one.id));
    const containers = all.map((one): ObservedContainer => ({
      id: one.id,
      name: one.name,
      service: one.labels["com.docker.compose.service"] ?? "",
      number: Number(one.labels["com.docker.compose.container-number"]),
      oneOff: false,
      state: one.state,
      startedAt: one.startedAt,
      exitCode: one.exitCode,
      labels: one.labels,
      environmentNames: [],
      mounts: one.mounts.map((mount) => ({ volume: mount.name, destination: mount.destination, writable: false })),
      hasHealthcheck: true,
      isUnhealthy: false,
      restartPolicy: one.restartPolicy,
      replaces: replacedBy(one.labels, alive),
      isBackup: false,
      namespacesOf: namespaceParents(one),
      volumesOf: [],
      soleReason: null,
    }));
    const backups = new Set(containers.map((one) => one.replaces));
    return {
      self: { project: PROJECT, service: "secrets" },
      containers: containers.map((one) => ({ ...one, isBackup: backups.has(one.id) })),
      drops: this.drops.observed,
    };
  }

  plan(observed = this.observe()): Plan {
    const asking = this.services.filter(({ secrets = true }) => secrets);
    const fallback = new Map(asking.map(({ name }) => [volumeOf(name), this.opened("v1")] as const));
    return plan({ opened: this.opened(this.version), fallback, observed, quarantine: this.quarantine });
  }

  opened(version: string): Opened {
    const names = new Set(this.services.map(({ secret = SHARED }) => secret));
    const secrets = new Map([...names].map((name) => [name, Buffer.from(version)]));
    return { digest: version.padEnd(64, "0"), secrets, warnings: [], fingerprintKey: new Uint8Array(32).fill(7) };
  }

  #seed(service: Service, number: number): void {
    const { name, after = [], bound = [], network, policy = "unless-stopped", secrets = true } = service;
    const { onChange = "recreate", order = "stop-first", onFailure = "rollback", secret = SHARED } = service;
    const owner = network === undefined ? undefined : this.containersOf(network)[0]?.id;
    const id = this.engine.create(nameOf(name, number), {
      body: {
        Image: IMAGE_NAME,
        Labels: {
          "com.docker.compose.project": PROJECT,
          "com.docker.compose.service": name,
          "com.docker.compose.container-number": String(number),
          "com.docker.compose.depends_on": after
            .map((one) => `${one}:service_healthy:${String(bound.includes(one))}`)
            .join(","),
          ...(secrets
            ? {
                "sidecrypt.secrets": secret,
                "sidecrypt.on-change": onChange,
                "sidecrypt.order": order,
                "sidecrypt.on-failure": onFailure,
              }
            : {}),
        },
        Healthcheck: { Test: ["CMD", "true"], Interval: 1e9, Timeout: 1e9, Retries: 3 },
        HostConfig: {
          NetworkMode: owner === undefined ? "stack_default" : `container:${owner}`,
          RestartPolicy: { Name: policy, MaximumRetryCount: 0 },
          Mounts: secrets ? [{ Type: "volume", Source: volumeOf(name), Target: "/run/secrets", ReadOnly: true }] : [],
        },
        NetworkingConfig: {
          EndpointsConfig: owner === undefined ? { stack_default: { Aliases: [name, nameOf(name, number)] } } : {},
        },
      },
      connect: [],
    });
    this.engine.start(id);
  }

  #service(container: FakeContainer): Service | undefined {
    return this.services.find(({ name }) => name === serviceOf(container));
  }

  #behave(container: FakeContainer): Behaviour {
    const service = this.#service(container);
    if (service?.secrets === false) return "healthy";
    const server = this.containersOf(SERVER).find((one) => one.state === "running")?.loaded ?? null;
    const { loaded } = container;
    // A bot without its files does not work, whatever else it does.
    if (loaded === null || loaded === this.bad) return "unhealthy";
    return service?.healthy?.(loaded, server) === false ? "unhealthy" : "healthy";
  }
}

/** One life of the sidecar's process. */
export class Sidecar {
  readonly session: FakeSession;
  readonly ctx: RollContext;
  readonly outcomes: Outcome[] = [];
  readonly shutdown = new AbortController();
  readonly #world: World;
  readonly #stuck = new Set<string>();

  constructor(world: World, script?: Script) {
    this.#world = world;
    this.session = world.engine.connect(script);
    const hands = new Hands();
    this.ctx = {
      docker: this.session,
      drops: world.drops.session(this.session),
      records: world.records.session(this.session),
      kin: new Kin(),
      layers: new KnownLayers(),
      clock: world.clock,
      log: silent,
      hands,
      shutdown: this.shutdown.signal,
    };
    // As the daemon does: a guarded container that somebody starts is stopped at once.
    world.engine.onEvent = (event) => {
      const guarded = hands.observe(event);
      if (guarded === null) return;
      const beside = hands.besideOf(guarded);
      if (beside !== null && world.engine.find(beside)?.state !== "running") return;
      hands.expectSignal(guarded);
      void this.session.kill(guarded, "KILL").catch(() => undefined);
    };
  }

  /** The unit that is planned now, rolled once. */
  async roll(): Promise<Outcome> {
    const made = this.#world.plan();
    const unit = made.units[0];
    if (unit === undefined) throw new Error("nothing is planned");
    return this.#rollUnit(unit);
  }

  async recover(): Promise<Outcome[]> {
    const observed = this.#world.observe();
    const { consumers } = this.#world.plan(observed);
    const found = await recover(this.ctx, { ...observed, consumers }, this.#stuck);
    for (const { operation, services, wanted, outcome } of found) {
      this.#alive();
      if (outcome.kind === "stuck") this.#stuck.add(operation);
      if (outcome.kind === "rolled-back") this.#quarantine(wanted, services);
      this.outcomes.push(outcome);
    }
    return found.map((one) => one.outcome);
  }

  /** Looks until nothing is left to do; `stuck` ends it too. */
  async converge(): Promise<void> {
    for (let looks = 0; looks < 10; looks++) {
      await this.recover();
      await this.#settle();
      const observed = this.#world.observe();
      const made = this.#world.plan(observed);
      const down = await cutOff(this.ctx, observed.containers);
      if (down.length > 0 || made.refreshes.length > 0) {
        await (down.length > 0 ? finishRestarts(this.ctx, down, made.consumers) : refresh(this.ctx, made.refreshes));
        this.#alive();
        continue;
      }
      const unit = made.units[0];
      if (unit === undefined || this.#stuck.size > 0) return;
      const outcome = await this.#rollUnit(unit);
      if (outcome.kind === "stuck") return;
    }
    throw new Error("it does not come to rest");
  }

  async #rollUnit(unit: Unit): Promise<Outcome> {
    const outcome = await rollUnit(this.ctx, unit);
    this.#alive();
    const services = unit.steps.map((step) => step.consumer.service);
    if (outcome.kind === "rolled-back") this.#quarantine(unit.generations, services);
    this.outcomes.push(outcome);
    return outcome;
  }

  /** Deliveries, adoption, and commits of drops that nothing is planned for. */
  async #settle(): Promise<void> {
    const { drops } = this.ctx;
    const leftover = ({ containers }: Observed, volume: string): boolean =>
      leftoverVolumes(this.ctx.records.all, containers).has(volume);
    const before = this.#world.observe();
    for (const step of this.#world.plan(before).deliveries) {
      await drops.deliver(step.generation, step.adopt);
      if (!leftover(before, step.generation.volume)) await drops.commit(step.generation.volume);
    }
    const observed = this.#world.observe();
    const made = this.#world.plan(observed);
    for (const drop of observed.drops) {
      if (drop.current === null) continue;
      const { id } = drop.current;
      const consumer = made.consumers.find((one) => one.volume === drop.volume);
      const current = (consumer?.containers ?? []).filter((one) => isCurrent(one, drop, id));
      const entries = current.flatMap((one): SeenEntry[] => {
        return one.startedAt === null ? [] : [{ container: one.id, startedAt: one.startedAt, generation: id }];
      });
      if (entries.length > 0) await drops.markSeen(drop.volume, entries);
      const open = [...made.units.flatMap(volumesOf), ...made.refreshes.map((step) => step.consumer.volume)];
      const idle = !open.includes(drop.volume) && made.held.length === 0;
      if (idle && drop.previous !== null && !leftover(observed, drop.volume)) await drops.commit(drop.volume);
    }
  }

  #quarantine(generations: Readonly<Record<string, string>>, services: readonly string[]): void {
    this.#world.quarantine.push({ generations, names: ["PASSWORD"], services, reason: "failed", at: "" });
  }

  /** What a dead process remembers, it does not write down. */
  #alive(): void {
    if (this.session.dead) throw new Killed();
  }
}

export const volumeOf = (service: string): string => `${service}-secrets`;
export const nameOf = (service: string, number = 1): string => `${PROJECT}-${service}-${number}`;
