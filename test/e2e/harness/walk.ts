/**
 * Rolls walked call by call on the real engine: at call n of a roll something goes wrong, and afterwards everything has
 * to be as if nothing had been under way. Several stacks of one kind share the steps, since a roll mostly waits.
 */
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import type { DockerPort, Inspected } from "../../../src/docker/port.ts";
import type { Status } from "../../../src/report/status.ts";
import { mainEngine, type Engine } from "./engine.ts";
import { bot, type Definition, sidecarEnvironment } from "./model.ts";
import { FaultProxy, type Trouble } from "./proxy.ts";
import { SIDECAR, Stack } from "./stack.ts";
import { randomValue } from "./values.ts";
import { waitUntil } from "./wait.ts";
import { Watch } from "./watch.ts";

/** The sidecar's patience with an engine that hangs. */
const API_TIMEOUT = "3s";
const LONGEST_STEP_SECONDS = 150;

export interface Service {
  readonly name: string;
  /** Values that begin with it never turn healthy. */
  readonly refuses: string;
  readonly after?: string;
  /** Else `recreate` and `unless-stopped`. */
  readonly onChange?: string;
  readonly restart?: string;
  /** Compose puts a file into it that no volume holds (H17). */
  readonly isInjected?: boolean;
}

export const KEY = "SHARED_KEY";
const POLICY = "unless-stopped";
const INJECTED = { source: "injected", target: "/etc/injected" };
const INJECTED_CONTENT = "put there by Compose";

/** Up in a moment, down in a moment: a shell that has read its key once. */
export function quick({ refuses, after, onChange = "recreate", restart = POLICY, isInjected }: Service): Definition {
  const script = `cat /run/secrets/${KEY} >/tmp/key; trap 'exit 0' TERM; sleep infinity & wait`;
  return bot(KEY, {
    entrypoint: ["sh", "-c", script],
    restart,
    labels: { "sidecrypt.on-change": onChange },
    ...(isInjected === true ? { configs: [INJECTED] } : {}),
    stop_grace_period: "1s",
    healthcheck: {
      test: ["CMD-SHELL", `grep -q . /tmp/key && ! grep -q '^${refuses}' /tmp/key`],
      interval: "300ms",
      retries: 1,
    },
    ...(after === undefined ? {} : { depends_on: { [after]: { condition: "service_healthy" } } }),
  });
}

export interface Step {
  readonly n: number;
  readonly trouble: Trouble;
  readonly among: "changes" | "reads";
  /** What the new key begins with: whether a gate lets it pass. */
  readonly prefix: string;
}

export class Walker {
  readonly stack: Stack;
  readonly proxy: FaultProxy;
  readonly docker: DockerPort;
  readonly watch: Watch;
  readonly #services: readonly Service[];
  #key: string;
  #sidecar = "";
  /** Id of the first service's container before the roll. */
  before = "";

  private constructor(stack: Stack, proxy: FaultProxy, docker: DockerPort, services: readonly Service[], key: string) {
    this.stack = stack;
    this.proxy = proxy;
    this.docker = docker;
    this.watch = new Watch(docker, stack.project);
    this.#services = services;
    this.#key = key;
  }

  static async start(services: readonly Service[], on?: Engine, environment: Record<string, string> = {}) {
    const engine = on ?? (await mainEngine());
    const docker = await connectEngine(engine.socket, { clock: systemClock, callTimeout: 60_000 });
    const proxy = await FaultProxy.start(engine.socket);
    const key = randomValue("good-");
    const definition = {
      secrets: { [KEY]: key },
      services: Object.fromEntries(services.map((one) => [one.name, quick(one)])),
      sidecar: {
        // As if it were a consumer: it must not touch itself (H45).
        labels: { "sidecrypt.secrets": KEY },
        environment: sidecarEnvironment({
          SIDECRYPT_DEBOUNCE: "20ms",
          SIDECRYPT_API_TIMEOUT: API_TIMEOUT,
          ...environment,
        }),
        // Its own health check would be half of the work of the machine.
        healthcheck: { interval: "5s", timeout: "30s", retries: 10 },
      },
      more: { configs: { [INJECTED.source]: { content: INJECTED_CONTENT } } },
      socket: proxy.socket,
    };
    const stack = await Stack.create(definition, engine);
    const walker = new Walker(stack, proxy, docker, services, key);
    await stack.up().catch(async (thrown: unknown) => {
      await walker.close();
      throw thrown;
    });
    await walker.rest();
    walker.#sidecar = (await stack.inspect(SIDECAR)).Id;
    proxy.kill = () => docker.kill(walker.#sidecar, "KILL");
    return walker;
  }

  async close(): Promise<void> {
    await this.watch.close();
    await this.stack.down();
    await this.proxy.close();
  }

  /** Null: no daemon answers. */
  status(): Promise<Status | null> {
    return this.stack.tryStatus();
  }

  /** The calls of a roll that meets no trouble. */
  async count(prefix: string, among: Step["among"]): Promise<number> {
    // A fault that never comes, so that those calls are counted.
    this.proxy.arm({ n: Infinity, trouble: "500", among });
    const key = await this.#turn(prefix);
    await this.rest();
    if (prefix === GOOD) this.#key = key;
    return this.proxy.calls.length;
  }

  /** A new key, and trouble ahead. */
  async begin({ n, trouble, among, prefix }: Step): Promise<string> {
    this.before = (await this.#rows())[0]?.id ?? "";
    this.proxy.arm({ n, trouble, among });
    return this.#turn(prefix);
  }

  /** After a person's hand: at most one container, and nothing under way; what is wrong, and how many run. */
  async quiet(key: string): Promise<{ broken: string[]; running: number }> {
    const digest = await this.stack.bundle.digest12();
    const rows = await waitUntil(
      `${this.stack.project} comes to rest`,
      async () => {
        const status = await this.status();
        const found = await this.#rows();
        const said = status?.consumers.map(({ service, state, reason }) => `${service} ${state} ${reason ?? ""}`);
        const isAtRest =
          status?.bundle.digest12 === digest && status.consumers.every(({ state }) => RESTING.has(state));
        if (isAtRest && found.length <= 1) return found;
        throw new Error([...(said ?? ["no daemon"]), ...found.map((one) => `${one.name} ${one.state}`)].join("; "));
      },
      LONGEST_STEP_SECONDS,
    );
    const broken: string[] = [];
    for (const one of rows) {
      if (one.name !== `${this.stack.project}-${this.#services[0]?.name ?? ""}-1`)
        broken.push(`it is called ${one.name}`);
      if (one.state !== "running") continue;
      const [onNew, onOld] = [await this.#brokenOf(one, key), await this.#brokenOf(one, this.#key)];
      if (onNew.length > 0 && onOld.length > 0) broken.push(...onNew);
    }
    return { broken, running: rows.filter((one) => one.state === "running").length };
  }

  /** From wherever it was left: everything runs on a key that works. */
  async renew(): Promise<void> {
    this.proxy.arm(null);
    this.#key = await this.#turn(GOOD);
    await this.stack.compose("up", "--detach");
    await this.rest();
    this.#sidecar = (await this.stack.inspect(SIDECAR)).Id;
    this.watch.take();
  }

  /** Returns what is wrong afterwards. */
  async walk(step: Step): Promise<string[]> {
    const { n, trouble, prefix } = step;
    const key = await this.begin(step);
    const said = (): string => `${prefix} ${trouble} at ${n} ${this.proxy.struck ?? "(never)"}`;
    try {
      if (trouble.startsWith("kill")) await this.#revive();
      const status = await this.rest();
      const isNew = status.consumers.every(({ state }) => state === "current");
      const broken = await this.#broken(step, isNew, isNew ? key : this.#key);
      if (isNew) this.#key = key;
      return broken.map((one) => `${said()}: ${one}`);
    } catch (thrown) {
      return [`${said()}: ${String(thrown)}`, await this.stack.report()];
    }
  }

  async #turn(prefix: string): Promise<string> {
    const key = randomValue(prefix);
    await this.stack.bundle.set({ [KEY]: key });
    return key;
  }

  /** Once the proxy has killed it. */
  async #revive(): Promise<void> {
    await waitUntil(
      "the sidecar has been killed",
      async () => {
        return (await this.docker.inspect(this.#sidecar))?.state === "exited";
      },
      LONGEST_STEP_SECONDS,
    );
    await this.docker.start(this.#sidecar);
  }

  /** Until nothing is under way: every service has its one container, and the daemon has no more to do. */
  async rest(): Promise<Status> {
    const digest = await this.stack.bundle.digest12();
    return waitUntil(
      `${this.stack.project} comes to rest`,
      async () => {
        const status = await this.status();
        if (status === null) throw new Error("no daemon answers");
        const states = status.consumers.map(({ service, state, reason }) => `${service} ${state} ${reason ?? ""}`);
        if (status.bundle.digest12 !== digest || !status.consumers.every(({ state }) => RESTING.has(state))) {
          throw new Error(`bundle ${status.bundle.digest12 ?? "none"}; ${states.join("; ")}`);
        }
        const rows = await this.#rows();
        if (rows.length !== this.#services.length)
          throw new Error(rows.map(({ name, state }) => `${name} ${state}`).join(", "));
        return status;
      },
      LONGEST_STEP_SECONDS,
    );
  }

  async #rows(): Promise<Inspected[]> {
    const mine = (await this.docker.list()).filter(({ labels }) => {
      const service = labels["com.docker.compose.service"];
      return labels["com.docker.compose.project"] === this.stack.project && service !== SIDECAR;
    });
    const found = await Promise.all(mine.map(({ id }) => this.docker.inspect(id)));
    return found.filter((one) => one !== null);
  }

  async #broken({ among, prefix }: Step, isNew: boolean, key: string): Promise<string[]> {
    const broken = this.watch.take();
    // How often is looked before a gate has passed differs from roll to roll.
    if (this.proxy.struck === null && among === "changes") broken.push("the roll has no such call");
    if (isNew && prefix !== GOOD) broken.push("a key that no gate lets pass was committed");
    // Neither what the engine says of one call, nor a lost answer or a dead sidecar, says anything of the key.
    if (!isNew && prefix === GOOD) broken.push("a good key was quarantined");
    const rows = await this.#rows();
    for (const { name } of this.#services) {
      const final = `${this.stack.project}-${name}-1`;
      const one = rows.find((row) => row.name === final);
      if (one === undefined) broken.push(`no container is called ${final}: ${rows.map((row) => row.name).join(", ")}`);
      else broken.push(...(await this.#brokenOf(one, key)).map((what) => `${name} ${what}`));
    }
    return broken;
  }

  async #brokenOf(one: Inspected, key: string): Promise<string[]> {
    const broken: string[] = [];
    if (one.state !== "running") broken.push(`is ${one.state}`);
    const { restart = POLICY, isInjected } = this.#services.find(({ name }) => one.name.endsWith(`-${name}-1`)) ?? {};
    if (one.restartPolicy !== restart) broken.push(`has the restart policy ${one.restartPolicy} (H22)`);
    // A complete generation, and none before it: `..data`, `..gen-…`, `..seen` and the key, beside the script.
    const script = `test "$(cat /tmp/key)" = "$1" || exit 3
      test "$(cat /run/secrets/${KEY})" = "$1" || exit 4
      test "$(ls -A /run/secrets | grep -cvx with-secrets)" = 4 || exit 5
      test "$(cat ${INJECTED.target})" = "$2" || exit 6`;
    const injected = isInjected === true ? INJECTED_CONTENT : "";
    const code = await this.docker.exec(one.id, ["sh", "-c", script, "sh", key, injected], 10_000);
    if (code === 6) broken.push("lacks the file that Compose put there (H17)");
    else if (code === 3) broken.push("has read another key");
    else if (code === 4) broken.push("has another key on its drop");
    else if (code !== 0) broken.push(`has a drop in disorder (${code})`);
    return broken;
  }
}

export const GOOD = "good-";
const RESTING: ReadonlySet<string> = new Set(["current", "quarantined"]);

/** Every step, shared among the walkers; returns what was broken. */
export async function walkAll(walkers: readonly Walker[], steps: readonly Step[]): Promise<string[]> {
  const left = [...steps];
  const broken: string[] = [];
  await Promise.all(
    walkers.map(async (walker) => {
      for (let step = left.shift(); step !== undefined; step = left.shift()) broken.push(...(await walker.walk(step)));
    }),
  );
  return broken;
}

/** Every n with every trouble. */
export function stepsOf(count: number, troubles: readonly Trouble[], rest: Pick<Step, "among" | "prefix">): Step[] {
  return Array.from({ length: count }, (_, index) => index + 1).flatMap((n) =>
    troubles.map((trouble) => ({ n, trouble, ...rest })),
  );
}
