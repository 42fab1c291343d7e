/** One Compose project on a real engine, in a directory of its own: the sidecar, its consumers, a bundle and a key. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callControl, CONTROL_SOCKET } from "../../../src/control/index.ts";
import type { ConsumerStatus, Status } from "../../../src/report/status.ts";
import { BundleFile } from "./bundle-file.ts";
import { mainEngine, type Container, type Engine } from "./engine.ts";
import { EventLog } from "./events.ts";
import { composeModel, type ComposeModel, STATE, type StackDefinition, toYaml } from "./model.ts";
import { must, run, type Ran } from "./run.ts";
import { waitUntil } from "./wait.ts";

export const SIDECAR = "secrets";
/** Milliseconds for a daemon on a busy machine. */
const ANSWER_MS = 5_000;

export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly [field: string]: unknown;
}

export class Stack {
  readonly project = `sc-e2e-${randomBytes(4).toString("hex")}`;
  readonly engine: Engine;
  readonly directory: string;
  readonly bundle: BundleFile;
  readonly #image: string;
  #definition: StackDefinition;
  #environment: Record<string, string> = {};
  /** Id of the container that gave the last status. */
  #sidecar: string | null = null;

  private constructor(engine: Engine, image: string, directory: string, definition: StackDefinition) {
    this.engine = engine;
    this.#image = image;
    this.directory = directory;
    this.bundle = new BundleFile(directory);
    this.#definition = definition;
  }

  /** Files only; nothing is started. */
  static async create(definition: StackDefinition, on?: Engine): Promise<Stack> {
    const engine = on ?? (await mainEngine());
    const image = await engine.docker("image", "inspect", "--format", "{{.Id}}", "sidecrypt");
    const directory = await mkdtemp(join(tmpdir(), "sc-e2e-"));
    const stack = new Stack(engine, image.trim(), directory, definition);
    await mkdir(join(directory, STATE));
    await stack.bundle.create(definition.secrets);
    for (const [name, text] of Object.entries(definition.files ?? {})) await stack.bundle.beside(name, text);
    await stack.define(definition);
    return stack;
  }

  get definition(): StackDefinition {
    return this.#definition;
  }

  /** Writes the Compose file; `docker compose up` brings it about. */
  async define(definition: StackDefinition): Promise<void> {
    this.#definition = definition;
    await this.writeCompose(composeModel(definition, { socket: this.engine.socket, image: this.#image }));
  }

  async writeCompose(model: ComposeModel): Promise<void> {
    await this.writeComposeFile(toYaml(model));
  }

  async writeComposeFile(text: string): Promise<void> {
    await writeFile(join(this.directory, "compose.yaml"), text);
  }

  /** What the Compose file's variables stand for, from now on. */
  setEnvironment(name: string, value: string): void {
    this.#environment[name] = value;
  }

  // ------------------------------------------------------------------------------------------- compose and docker

  compose(...args: readonly string[]): Promise<string> {
    return must("docker", ["compose", ...args], this.#options());
  }

  tryCompose(...args: readonly string[]): Promise<Ran> {
    return run("docker", ["compose", ...args], this.#options());
  }

  #options() {
    const env = { ...this.engine.env, ...this.#environment, COMPOSE_PROJECT_NAME: this.project, COMPOSE_ANSI: "never" };
    return { cwd: this.directory, env };
  }

  /** The whole stack, or these services of it, until they run and are healthy. */
  async up(...services: readonly string[]): Promise<void> {
    await this.compose("up", "--detach", ...services);
    await this.waitHealthy(...services);
  }

  /** Compose's own `--wait` takes a service without a health check for a failed one. */
  async waitHealthy(...services: readonly string[]): Promise<void> {
    await waitUntil(`${services.length === 0 ? "every service" : services.join(", ")} is up`, async () => {
      const all = (await this.containers()).filter((one) => services.length === 0 || services.includes(serviceOf(one)));
      const late = all.filter(({ State }) => !State.Running || (State.Health?.Status ?? "healthy") !== "healthy");
      if (late.length > 0) throw new Error(late.map(({ Name, State }) => `${Name} ${State.Status}`).join(", "));
      return all.length > 0;
    });
  }

  async down(): Promise<void> {
    await this.tryCompose("down", "--volumes", "--timeout", "5");
    // What a roll left behind, or a Compose file that was changed meanwhile no longer names.
    const left = await this.engine.list(this.project);
    if (left.length > 0) await this.engine.tryDocker("rm", "--force", "--volumes", ...left);
    const filter = ["--quiet", "--filter", `label=com.docker.compose.project=${this.project}`];
    for (const kind of ["volume", "network"]) {
      const { stdout } = await this.engine.tryDocker(kind, "ls", ...filter);
      const names = stdout.split("\n").filter((name) => name !== "");
      if (names.length > 0) await this.engine.tryDocker(kind, "rm", ...names);
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Every container of the project, in every state. */
  async containers(): Promise<Container[]> {
    return this.engine.inspect(await this.engine.list(this.project));
  }

  async containersOf(service: string): Promise<Container[]> {
    return (await this.containers()).filter((one) => serviceOf(one) === service);
  }

  /** The one container of a service. */
  async inspect(service: string): Promise<Container> {
    const all = await this.containersOf(service);
    const [only] = all;
    if (only !== undefined && all.length === 1) return only;
    throw new Error(`${service} has ${all.length} containers: ${all.map((one) => one.Name).join(", ")}`);
  }

  /** Container ids by service, the sidecar's left out. */
  async ids(): Promise<Record<string, string>> {
    const rows = (await this.containers()).map((one) => [serviceOf(one), one.Id] as const);
    const sorted = rows.filter(([service]) => service !== SIDECAR).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted);
  }

  /** Ids and the times of the last start: a restart in place shows too. */
  async lives(): Promise<Record<string, string>> {
    const rows = (await this.containers()).map((one) => [serviceOf(one), `${one.Id} ${one.State.StartedAt}`] as const);
    return Object.fromEntries(rows.filter(([service]) => service !== SIDECAR));
  }

  async exec(service: string, ...command: readonly string[]): Promise<Ran> {
    return this.engine.tryDocker("exec", (await this.running(service)).Id, ...command);
  }

  /** The running container of a service, whatever else of it is still there. */
  async running(service: string): Promise<Container> {
    const found = (await this.containersOf(service)).find((one) => one.State.Running);
    if (found === undefined) throw new Error(`no container of ${service} runs`);
    return found;
  }

  events(since: Date = new Date()): EventLog {
    return new EventLog(this.engine, this.project, since);
  }

  // ------------------------------------------------------------------------------------------- what containers see

  /** A file of a consumer, as its own process reads it. */
  async file(service: string, name: string): Promise<string> {
    const { code, stdout, stderr } = await this.exec(service, "cat", `/run/secrets/${name}`);
    if (code !== 0) throw new Error(`cat in ${service}: ${stderr}`);
    return stdout;
  }

  /** File names to contents, as a process in the container reads them. */
  async files(service: string): Promise<Record<string, string>> {
    const script = 'cd /run/secrets/..data && for file in *; do printf "%s=%s\\n" "$file" "$(cat "$file")"; done';
    const { code, stdout, stderr } = await this.exec(service, "sh", "-c", script);
    if (code !== 0) throw new Error(`files of ${service}: ${stderr}`);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }

  /** What a bot says of itself: the key that it read at its start, and how its logins go. */
  async bot(service: string): Promise<{ apiKey: string; redis: string; exchange: string }> {
    const { code, stdout, stderr } = await this.exec(service, "cat", "/tmp/bot-state.json");
    if (code !== 0) throw new Error(`state of ${service}: ${stderr}`);
    return JSON.parse(stdout) as { apiKey: string; redis: string; exchange: string };
  }

  // ------------------------------------------------------------------------------------------- the sidecar

  sidecrypt(...args: readonly string[]): Promise<Ran> {
    return this.tryCompose("exec", "-T", SIDECAR, "sidecrypt", ...args);
  }

  /** Null: no daemon answers. */
  async tryStatus(): Promise<Status | null> {
    // Waits ask again and again: a process in the container each time would be most of a test's work.
    const socket = join(this.directory, STATE, CONTROL_SOCKET);
    if (existsSync(socket)) return callControl(socket, "status", null, ANSWER_MS).catch(() => null);
    this.#sidecar ??= (await this.running(SIDECAR)).Id;
    const { stdout } = await this.engine.tryDocker("exec", this.#sidecar, "sidecrypt", "status", "--json");
    if (stdout.startsWith("{")) return JSON.parse(stdout) as Status;
    this.#sidecar = null;
    return null;
  }

  async status(): Promise<Status> {
    const status = await this.tryStatus();
    if (status === null) throw new Error("the daemon gives no status");
    return status;
  }

  async consumer(service: string): Promise<ConsumerStatus> {
    const status = await this.status();
    const found = status.consumers.find((one) => one.service === service);
    if (found === undefined) throw new Error(`status does not know ${service}`);
    return found;
  }

  /** Until the daemon has judged the bundle that is there now. */
  async waitLooked(): Promise<Status> {
    const digest = await this.bundle.digest12();
    return waitUntil(`the daemon has looked at the bundle ${digest}`, async () => {
      const status = await this.tryStatus();
      return status?.bundle.digest12 === digest && status;
    });
  }

  /** Until every consumer is current on the bundle that is there now. */
  async waitCommitted(seconds?: number): Promise<Status> {
    const digest = await this.bundle.digest12();
    return waitUntil(
      `every consumer is current on the bundle ${digest}`,
      async () => {
        const status = await this.tryStatus();
        if (status?.bundle.digest12 !== digest || status.bundle.state !== "ok") return false;
        return status.consumers.every(({ state }) => state === "current") && status;
      },
      seconds,
    );
  }

  /** Until the daemon says this of a service. */
  async waitState(service: string, state: ConsumerStatus["state"], seconds?: number): Promise<Status> {
    return waitUntil(
      `status says that ${service} is ${state}`,
      async () => {
        const status = await this.tryStatus();
        return status?.consumers.some((one) => one.service === service && one.state === state) === true && status;
      },
      seconds,
    );
  }

  async log(): Promise<LogLine[]> {
    const containers = await this.containersOf(SIDECAR);
    const text = (await Promise.all(containers.map((one) => this.engine.logs(one.Id)))).join("\n");
    return text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as LogLine] : []));
  }

  /** For whoever looks at a failed test. */
  async report(): Promise<string> {
    const filter = `label=com.docker.compose.project=${this.project}`;
    const ps = await this.engine.tryDocker("ps", "--all", "--filter", filter);
    const status = await this.sidecrypt("status");
    const logs = await this.tryCompose("logs", "--no-color", "--no-log-prefix", "--tail", "60", SIDECAR);
    return [`--- ${this.project} in ${this.directory}`, ps.stdout, status.stdout, status.stderr, logs.stdout].join(
      "\n",
    );
  }
}

export function serviceOf(container: Container): string {
  return container.Config.Labels["com.docker.compose.service"] ?? "";
}

/** What a bot prints of a key that it uses. */
export const masked = (key: string): string => `****${key.slice(-4)}`;
