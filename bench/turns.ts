/**
 * One change of a secret, brought about in three ways: by the sidecar, by an operator's two commands, and by the same
 * Engine API calls made by hand with nothing else. They take turns, so that a machine that slows down hits all alike.
 */
import type { Api, EngineEvent, Json } from "./api.ts";
import type { SidecarLog } from "./sidecar-log.ts";
import { median } from "./statistics.ts";
import { botName, keyOf, OPERATORS, OURS, PROJECT, SHARED_KEY, type Stacks } from "./stacks.ts";
import { expect, run } from "../scripts/demo/run.ts";

/** SIDECRYPT_DEBOUNCE where it is not set. */
export const DEBOUNCE = 50;
const FLOOR = `${PROJECT}-floor`;
const RENAMED = "com.docker.compose.project";
/** Milliseconds in which the sidecar looks again at what its own roll has changed. */
const AFTERMATH = 2_200;
/** An event comes on another connection than the answer to the call. */
const EVENTS_COME = 200;

/** Milliseconds, all from the change. */
export interface Run {
  /** The last of the new containers runs. */
  readonly running: number;
  /** Of each bot, from the signal that ends the old one to the start of the new one. */
  readonly down: readonly number[];
}

export interface SidecarRun extends Run {
  /** Files swapped on the first and on the last drop, the debounce taken off. */
  readonly swappedFirst: number;
  readonly swappedLast: number;
  readonly committed: number;
  /** Of that, what the gates waited for. */
  readonly gates: number;
  /** Containers that were made, and those that had to be. */
  readonly created: number;
  readonly affected: number;
  /** Where the time of the first bot went, step by step. */
  readonly steps: ReadonlyMap<string, number>;
}

export interface OperatorRun extends Run {
  /** The command has returned. */
  readonly returned: number;
}

export interface Bench {
  readonly api: Api;
  readonly stacks: Stacks;
  readonly log: SidecarLog;
  /** Mounts every drop. */
  readonly looker: string;
  readonly sops: string;
}

/** All bots, by the key that they share, or the first one. */
const affectedBy = (stacks: Stacks, shared: boolean): readonly number[] => (shared ? stacks.numbers : [1]);

// ---------------------------------------------------------------------------------------------------- the sidecar

export async function sidecarTurn({ api, stacks, log, looker }: Bench, shared: boolean): Promise<SidecarRun> {
  const affected = affectedBy(stacks, shared);
  const change = await stacks.prepareChange(shared ? SHARED_KEY : keyOf(1));
  const at = await change();
  const lines = await log.committed(affected.length, at);
  const swapped = await swappedAt(looker, affected);
  await pause(AFTERMATH);
  const events = api.since(at, OURS);
  const time = (event: string, service?: string): number => {
    const found = lines.filter((one) => one.event === event);
    const line = found.findLast((one) => service === undefined || names(one).includes(service));
    expect(line !== undefined, `the log has ${event}${service === undefined ? "" : ` of ${service}`}`);
    return line.at;
  };
  const services = affected.map(botName);
  const gates = services.map((one) => time("container-passed", one) - time("container-started", one));
  const first = botName(affected[0]!);
  const marks: [string, number][] = [
    ["the event, the debounce, the bundle read and opened, the containers looked at", time("bundle-opened")],
    ["the plan", lines.find((line) => line.event === "roll-started")!.at],
    ["what must be known before anything is touched, and the files", swapped[0]!],
    ["the new container made", firstEvent(events, first, "create").at],
    ["compared with the old one, and the old one told to stop", firstEvent(events, first, "kill").at],
    ["the old one ends", firstEvent(events, first, "die").at],
    ["the end noticed, two renames, the new one started", firstEvent(events, first, "start").at],
    ["the rest of the calls", time("container-started", first)],
    ["the gate", time("container-passed", first)],
    ["the old one removed, the state written", lines.find((line) => line.event === "roll-committed")!.at],
  ];
  return {
    swappedFirst: Math.min(...swapped) - at - DEBOUNCE,
    swappedLast: Math.max(...swapped) - at - DEBOUNCE,
    running: lastStart(events) - at,
    down: downtimes(events, services),
    committed: time("roll-committed") - at,
    gates: gates.reduce((sum, one) => sum + one, 0),
    created: events.filter((event) => event.action === "create").length,
    affected: affected.length,
    steps: new Map(marks.map(([step, moment], index) => [step, moment - (marks[index - 1]?.[1] ?? at)])),
  };
}

const names = (line: { service?: string; services?: readonly string[] }): readonly string[] =>
  line.services ?? (line.service === undefined ? [] : [line.service]);

/** rename(2) sets a link's ctime. */
async function swappedAt(looker: string, affected: readonly number[]): Promise<number[]> {
  const links = affected.map((number) => `/drops/${botName(number)}/..data`);
  const times = await run("docker", ["exec", looker, "stat", "--format", "%.9Z", ...links]);
  return times
    .trim()
    .split("\n")
    .map((seconds) => Number(seconds) * 1000);
}

// ---------------------------------------------------------------------------------------------------- an operator

export async function operatorTurn({ api, stacks, sops }: Bench, shared: boolean): Promise<OperatorRun> {
  const services = affectedBy(stacks, shared).map(botName);
  const compose = ["docker", ...stacks.composeArgs(OPERATORS), "up", "--detach", "--force-recreate", ...services];
  const script = '"$SOPS" decrypt "$BUNDLE" > "$ENV_FILE" && "$@"';
  process.env["SOPS"] = sops;
  process.env["BUNDLE"] = stacks.bundle.path;
  process.env["ENV_FILE"] = stacks.environmentFile;
  const at = Date.now();
  await run("sh", ["-c", script, "sh", ...compose]);
  const returned = Date.now() - at;
  await pause(EVENTS_COME);
  const events = api.since(at, OPERATORS);
  return { running: lastStart(events) - at, down: downtimes(events, services), returned };
}

// ------------------------------------------------------------------------------------------------------ the floor

/** Containers with exactly the settings of the sidecar's bots, which the sidecar does not take for its own. */
export class Floor {
  readonly #api: Api;
  readonly #ids = new Map<number, string>();

  constructor(api: Api) {
    this.#api = api;
  }

  async begin(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      if (this.#ids.has(number)) continue;
      const id = await this.#create(nameOf(number), await this.#bodyOf(number));
      this.#ids.set(number, id);
      await this.#api.post(`/containers/${id}/start`);
    }
  }

  async turn(numbers: readonly number[]): Promise<Run> {
    const bodies = new Map<number, Json>();
    for (const number of numbers) bodies.set(number, await this.#bodyOf(number));
    const at = Date.now();
    const olds: string[] = [];
    for (const number of numbers) olds.push(await this.#replace(number, bodies.get(number)!));
    await pause(EVENTS_COME);
    const events = this.#api.since(at, FLOOR);
    for (const old of olds) await this.#api.remove(old);
    return { running: lastStart(events) - at, down: downtimes(events, numbers.map(botName)) };
  }

  async #replace(number: number, body: Json): Promise<string> {
    const api = this.#api;
    const [name, old] = [nameOf(number), this.#ids.get(number)!];
    const id = await this.#create(`${name}.next`, body);
    await api.post(`/containers/${old}/stop`);
    await api.post(`/containers/${old}/rename?name=${name}.old`);
    await api.post(`/containers/${id}/rename?name=${name}`);
    await api.post(`/containers/${id}/start`);
    this.#ids.set(number, id);
    return old;
  }

  async #create(name: string, body: Json): Promise<string> {
    return (await this.#api.post(`/containers/create?name=${name}`, body))["Id"] as string;
  }

  async #bodyOf(number: number): Promise<Json> {
    const { Config, HostConfig, NetworkSettings } = await this.#api.get(
      `/containers/${OURS}-${botName(number)}-1/json`,
    );
    const { Hostname, Labels, ...config } = Config as Record<string, Json>;
    expect(Hostname !== undefined, "a container has a host name, which is made of its id");
    const networks = Object.keys((NetworkSettings as { Networks: Json }).Networks);
    const EndpointsConfig = Object.fromEntries(networks.map((network) => [network, {}]));
    return {
      ...config,
      Labels: { ...Labels, [RENAMED]: FLOOR },
      HostConfig,
      NetworkingConfig: { EndpointsConfig },
    };
  }

  async end(): Promise<void> {
    for (const id of this.#ids.values()) await this.#api.remove(id);
    this.#ids.clear();
  }
}

const nameOf = (number: number): string => `${FLOOR}-${botName(number)}`;

// ------------------------------------------------------------------------------------------------- what was reported

function firstEvent(events: readonly EngineEvent[], service: string, action: string): EngineEvent {
  const found = events.find((event) => event.service === service && event.action === action);
  expect(found !== undefined, `the engine reports ${action} of ${service}`);
  return found;
}

function lastStart(events: readonly EngineEvent[]): number {
  return Math.max(...events.filter((event) => event.action === "start").map((event) => event.at));
}

function downtimes(events: readonly EngineEvent[], services: readonly string[]): number[] {
  return services.map((service) => {
    const start = events.findLast((event) => event.service === service && event.action === "start");
    expect(start !== undefined, `a new container of ${service} starts`);
    return start.at - firstEvent(events, service, "kill").at;
  });
}

export const typicalDown = (runs: readonly Run[]): number => median(runs.flatMap((one) => one.down));

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
