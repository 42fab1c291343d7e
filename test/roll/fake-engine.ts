/**
 * An engine in memory: names, states, labels, restart policies, and the refusals of the real one
 * (test/e2e/fake-engine.test.ts keeps the two alike).
 */
import { createHash } from "node:crypto";
import { EngineRefusal } from "../../src/docker/dial.ts";
import type {
  ContainerEvent,
  CreateBody,
  Health,
  Image,
  Inspected,
  Json,
  Mount,
  PathStat,
  Platform,
} from "../../src/docker/port.ts";
import type { ContainerState } from "../../src/types.ts";
import { readFileFromTar, type TarFile } from "../../src/docker/tar.ts";
import type { FakeClock } from "./fake-clock.ts";
import { FakeSession, type Script } from "./fake-session.ts";

export const PLATFORM: Platform = { os: "linux", architecture: "amd64", variant: "" };
export const IMAGE: Image = { id: `sha256:${"1".repeat(64)}`, entrypoint: null, platform: PLATFORM };
export const IMAGE_NAME = "example";

/** What a container does while it runs; null: no healthcheck. */
export type Behaviour = "starting" | "healthy" | "unhealthy" | "exits" | "crash-loops" | null;

export interface FakeContainer {
  readonly id: string;
  readonly body: Json;
  readonly created: number;
  name: string;
  state: ContainerState;
  startedAt: number | null;
  exitCode: number;
  restartCount: number;
  policy: Json;
  readonly networks: Record<string, Json>;
  /** What it read from its files when it started. */
  loaded: string | null;
  /** Its writable layer, by path. */
  readonly layer: Map<string, LayerFile>;
}

export interface LayerFile {
  readonly stat: PathStat;
  readonly file: TarFile;
}

export class FakeEngine {
  readonly containers = new Map<string, FakeContainer>();
  readonly clock: FakeClock;
  /** What no roll may ever do, said as it happens. */
  readonly violations: string[] = [];
  behave: (container: FakeContainer) => Behaviour = () => null;
  /** Where a link of a container's points. */
  link: (container: FakeContainer, path: string) => string | null = () => null;
  /** What a container finds on its files when it starts. */
  read: (container: FakeContainer) => string | null = () => null;
  /** What a command run in a container does; the exit status. */
  execute: (container: FakeContainer, command: string) => number = () => 0;
  onEvent: (event: ContainerEvent) => void = () => undefined;
  /** Whether two of its replica may run at once. */
  mayOverlap: (container: FakeContainer) => boolean = () => false;
  /** Whether something keeps the engine from removing its files. */
  resists: (container: FakeContainer) => boolean = () => false;
  apiVersion = "1.41";
  #made = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  connect(script: Script = () => null): FakeSession {
    return new FakeSession(this, script);
  }

  byName(name: string): FakeContainer | undefined {
    return [...this.containers.values()].find((one) => one.name === name);
  }

  find(reference: string): FakeContainer | undefined {
    const found = this.containers.get(reference) ?? this.byName(reference);
    if (found !== undefined || !/^[0-9a-f]{12,}$/.test(reference)) return found;
    return [...this.containers.values()].find((one) => one.id.startsWith(reference));
  }

  /** As it stands, for another one to start from. */
  copyFrom(other: FakeEngine): void {
    for (const [id, one] of other.containers) this.containers.set(id, { ...one, layer: new Map(one.layer) });
    this.#made = other.#made;
  }

  // ---------------------------------------------------------------- what the engine does

  create(name: string, { body, connect }: CreateBody): string {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw refusal(400, "invalid name");
    if (this.byName(name) !== undefined) throw refusal(409, "name in use");
    const image = body["Image"];
    if (image !== IMAGE_NAME && image !== IMAGE.id) throw refusal(404, "no such image");
    const id = createHash("sha256").update(`container ${++this.#made}`).digest("hex");
    const host = body["HostConfig"] as Json;
    const network = body["NetworkingConfig"] as { EndpointsConfig?: Record<string, Json> } | undefined;
    const networks = { ...network?.EndpointsConfig };
    for (const one of connect) networks[one.network] = one.endpoint;
    const policy = (host["RestartPolicy"] ?? { Name: "", MaximumRetryCount: 0 }) as Json;
    const state = "created";
    this.clock.time += 50;
    const created = this.clock.time;
    const made = {
      id,
      body,
      created,
      name,
      state,
      startedAt: null,
      exitCode: 0,
      restartCount: 0,
      policy,
      networks,
    } as const;
    this.containers.set(id, { ...made, loaded: null, layer: new Map() });
    this.#emit("create", id);
    return id;
  }

  start(reference: string): void {
    const one = this.must(reference);
    if (one.state === "running") return;
    const owner = ownerOf(one);
    if (owner !== null && this.containers.get(owner) === undefined) throw refusal(404, "no such container (namespace)");
    if (owner !== null && this.must(owner).state !== "running") throw refusal(409, "cannot join: not running");
    const twin = [...this.containers.values()].find((other) => {
      return other !== one && other.state === "running" && replicaOf(other) === replicaOf(one) && serviceOf(one) !== "";
    });
    if (twin !== undefined && !this.mayOverlap(one))
      this.violations.push(`${one.name} started while ${twin.name} runs`);
    this.clock.time += 300;
    one.state = "running";
    one.startedAt = this.clock.time;
    one.exitCode = 0;
    one.loaded = this.read(one);
    this.#emit("start", one.id);
  }

  stop(reference: string): void {
    const one = this.must(reference);
    if (one.state !== "running") return;
    this.#emit("kill", one.id, { signal: "15" });
    one.state = "exited";
    this.#emit("die", one.id);
    this.#emit("stop", one.id);
  }

  restart(reference: string): void {
    this.stop(reference);
    this.start(reference);
    this.#emit("restart", this.must(reference).id);
  }

  kill(reference: string, signal: string): void {
    const one = this.must(reference);
    if (one.state !== "running") throw refusal(409, "is not running");
    this.#emit("kill", one.id, { signal: signal.replace("HUP", "1").replace("KILL", "9") });
    if (signal === "HUP") one.loaded = this.read(one);
    if (signal !== "KILL") return;
    one.state = "exited";
    this.#emit("die", one.id);
  }

  rename(reference: string, name: string): void {
    const one = this.must(reference);
    if (one.name === name) throw refusal(400, "the same name as its current name");
    if (this.byName(name) !== undefined) throw refusal(409, "name in use");
    one.name = name;
    this.#emit("rename", one.id);
  }

  update(reference: string, policy: Json): void {
    this.must(reference).policy = policy;
  }

  /** Without force. */
  remove(reference: string): void {
    const one = this.find(reference);
    if (one === undefined) return;
    if (one.state === "running") throw refusal(409, "you cannot remove a running container");
    if (this.resists(one)) {
      one.state = "dead";
      throw refusal(500, "failed to remove root filesystem");
    }
    const others = [...this.containers.values()].filter((other) => replicaOf(other) === replicaOf(one));
    if (!others.some((other) => other !== one)) this.violations.push(`the last container of ${serviceOf(one)} removed`);
    this.containers.delete(one.id);
    this.#emit("destroy", one.id);
  }

  /** The engine's own restart: `always` comes back even after a stop (H22). */
  reboot(): void {
    for (const one of this.containers.values()) {
      const policy = one.policy["Name"];
      const back = policy === "always" ? one.startedAt !== null : policy !== "no" && one.state === "running";
      if (one.state === "running") one.state = "exited";
      if (back) this.start(one.id);
    }
  }

  /** What `docker cp` does, with a tar of one file. */
  write(reference: string, tar: Uint8Array): void {
    const { layer } = this.must(reference);
    const path = /\d+ path=(.*)\n/.exec(Buffer.from(tar).toString())?.[1];
    const file = readFileFromTar(tar);
    if (path === undefined || file === null) throw refusal(400, "not the tar of a file");
    const modified = new Date(Math.floor(this.clock.time / 1_000) * 1_000).toISOString().replace(".000Z", "Z");
    layer.set(`/${path}`, {
      file,
      stat: { isFile: true, isSocket: false, mode: file.mode, size: file.content.length, modified },
    });
  }

  inspect(reference: string): Inspected | null {
    const one = this.find(reference);
    if (one === undefined) return null;
    const does = this.#live(one);
    const { HostConfig, ...config } = one.body;
    const short = one.id.slice(0, 12);
    const rows = Object.entries(one.networks).map(([name, settings]): [string, Json] => {
      const aliases = (settings["Aliases"] ?? []) as string[];
      return [name, { ...settings, Aliases: [...aliases, short], NetworkID: `id of ${name}` }];
    });
    return {
      id: one.id,
      name: one.name,
      image: IMAGE.id,
      created: new Date(one.created).toISOString(),
      state: one.state,
      startedAt: one.startedAt === null ? null : new Date(one.startedAt).toISOString(),
      exitCode: one.exitCode,
      restartCount: one.restartCount,
      health: healthOf(one.state, does, this.clock.now()),
      labels: (config["Labels"] ?? {}) as Readonly<Record<string, string>>,
      environment: [],
      mounts: mountsOf(HostConfig as Json),
      restartPolicy: String(one.policy["Name"]),
      config: { Hostname: short, Labels: {}, ...config, NetworkingConfig: null },
      hostConfig: { ...(HostConfig as Json), RestartPolicy: one.policy },
      networks: Object.fromEntries(rows),
    };
  }

  must(reference: string): FakeContainer {
    const one = this.find(reference);
    if (one === undefined) throw refusal(404, "no such container");
    return one;
  }

  #live(one: FakeContainer): Behaviour {
    const does = this.behave(one);
    if (one.state !== "running") return does;
    if (does === "exits") {
      one.state = "exited";
      one.exitCode = 1;
      this.#emit("die", one.id);
    }
    if (does === "crash-loops") {
      one.restartCount++;
      one.startedAt = this.clock.time;
    }
    return does;
  }

  #emit(action: string, container: string, attributes: Record<string, string> = {}): void {
    this.onEvent({ action, container, labels: attributes });
  }
}

/** Whose network it lives in; null: it has one of its own. */
export function ownerOf({ body }: FakeContainer): string | null {
  const mode = (body["HostConfig"] as Json | undefined)?.["NetworkMode"];
  return typeof mode === "string" && mode.startsWith("container:") ? mode.slice("container:".length) : null;
}

export function serviceOf(container: FakeContainer): string {
  const labels = container.body["Labels"] as Readonly<Record<string, string>> | undefined;
  return labels?.["com.docker.compose.service"] ?? "";
}

function replicaOf(container: FakeContainer): string {
  const labels = container.body["Labels"] as Readonly<Record<string, string>> | undefined;
  return `${serviceOf(container)} ${labels?.["com.docker.compose.container-number"] ?? ""}`;
}

export function refusal(status: number, message: string): EngineRefusal {
  return new EngineRefusal(status, message);
}

/** Checks are as quick as whoever looks. */
function healthOf(state: ContainerState, does: Behaviour, startedAt: number): Health | null {
  if (does === null || does === "crash-loops") return null;
  const status = state !== "running" || does === "exits" ? "unhealthy" : does;
  const exitCode = status === "unhealthy" ? 1 : 0;
  const checks = status === "starting" ? [] : Array.from({ length: 3 }, () => ({ startedAt, exitCode }));
  return { status, failingStreak: status === "unhealthy" ? 3 : 0, checks };
}

function mountsOf(host: Json): Mount[] {
  const mounts = (host["Mounts"] ?? []) as readonly Json[];
  return mounts.map((mount) => ({
    type: String(mount["Type"]),
    name: String(mount["Source"]),
    source: `/var/lib/docker/volumes/${String(mount["Source"])}/_data`,
    destination: String(mount["Target"]),
    writable: mount["ReadOnly"] !== true,
  }));
}
