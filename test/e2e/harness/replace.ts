/** A container replaced through the DockerPort, as a roll does it, without a sidecar: quick, and for any container. */
import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import type { DockerPort, Inspected } from "../../../src/docker/port.ts";
import type { RollContext } from "../../../src/roll/context.ts";
import { Hands } from "../../../src/roll/hands.ts";
import { Kin } from "../../../src/roll/kin.ts";
import { KnownLayers } from "../../../src/roll/known-layers.ts";
import type { Replaced } from "../../../src/roll/spaces.ts";
import {
  carryOver,
  compare,
  createCandidate,
  discard,
  mustInspect,
  readOld,
  type Swap,
  swapIn,
} from "../../../src/roll/swap.ts";
import { mainEngine } from "./engine.ts";
import { toYaml } from "./model.ts";
import { serviceOf, Stack } from "./stack.ts";

export interface Said {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Replacement {
  readonly oldId: string;
  readonly newId: string;
  /** Warnings and news of the roll. */
  readonly said: readonly Said[];
}

const NOBODY: Replaced = new Map();
export const MARK = { generation: "generation", unit: { operation: "0".repeat(16), members: 1 } };

/** Create, compare, stop, rename, rename, start: the old container is kept, as long as nobody discards it. */
export async function replace(docker: DockerPort, id: string, replaced: Replaced = NOBODY): Promise<Replacement> {
  const said: Said[] = [];
  const ctx = contextOf(docker, said);
  const old = await mustInspect(ctx, id);
  const swap = await copyOf(ctx, old, replaced);
  try {
    await compare(ctx, old, swap.newId, replaced);
  } catch (thrown) {
    await docker.remove(swap.newId);
    throw thrown;
  }
  await swapIn(ctx, swap, true);
  return { oldId: swap.oldId, newId: swap.newId, said };
}

export async function copyOf(ctx: RollContext, old: Inspected, replaced: Replaced = NOBODY): Promise<Swap> {
  const reading = readOld(ctx, old);
  const swap = await createCandidate(ctx, old, MARK, replaced);
  await carryOver(ctx, old, swap.newId, reading);
  return swap;
}

/** Replaced and committed. */
export async function replaceForGood(docker: DockerPort, id: string, replaced?: Replaced): Promise<Replacement> {
  const replacement = await replace(docker, id, replaced);
  await discard(contextOf(docker, []), replacement.oldId);
  return replacement;
}

export function contextOf(docker: DockerPort, said: Said[]): RollContext {
  const tell = (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    said.push({ event, fields });
  };
  return {
    docker,
    // Nothing in it has a drop.
    drops: {} as RollContext["drops"],
    records: {
      all: [],
      write: () => Promise.resolve(),
      erase: () => Promise.resolve(),
      restarts: [],
      beginRestart: () => Promise.resolve(),
      endRestart: () => Promise.resolve(),
    },
    kin: new Kin(),
    layers: new KnownLayers(),
    clock: systemClock,
    log: { info: tell, warn: tell, error: tell },
    hands: new Hands(),
    shutdown: new AbortController().signal,
  };
}

export interface PlainStack {
  readonly stack: Stack;
  readonly docker: DockerPort;
  readonly there: Versions;
}

/** What is there: an option that one of the two does not know cannot stand in a Compose file. */
export interface Versions {
  /** 1.41 is 41. */
  readonly api: number;
  /** 2.26 is 226. */
  readonly compose: number;
}

type Model = Readonly<Record<string, unknown>>;

/** Containers of a Compose file as it is, without a sidecar. */
export function usePlainStack(model: Model | ((there: Versions) => Model)): () => PlainStack {
  let made: PlainStack | null = null;
  beforeAll(async () => {
    const engine = await mainEngine();
    const stack = await Stack.create({ secrets: {}, services: {} });
    const docker = await connectEngine(engine.socket, { clock: systemClock, callTimeout: 60_000 });
    const there = await versionsOf(stack, docker);
    made = { stack, docker, there };
    await stack.writeComposeFile(toYaml((typeof model === "function" ? model(there) : model) as never));
    await stack.compose("up", "--detach");
  });
  afterAll(() => made?.stack.down());
  return () => {
    if (made === null) throw new Error("the stack is not there");
    return made;
  };
}

export const apiOf = (docker: DockerPort): number => Number(docker.apiVersion.split(".")[1]);

async function versionsOf(stack: Stack, docker: DockerPort): Promise<Versions> {
  const [major = "", minor = ""] = (await stack.compose("version", "--short")).replace(/^v/, "").split(".");
  return { api: apiOf(docker), compose: Number(major) * 100 + Number(minor) };
}

/** What `docker compose up` does to each service now: "Running" where it leaves it alone. */
export async function composeVerdicts(stack: Stack): Promise<Record<string, string>> {
  const services = new Set((await stack.containers()).map(serviceOf));
  const { code, stderr } = await stack.tryCompose("up", "--detach");
  if (code !== 0) throw new Error(stderr);
  const rows = [...services].map((service) => {
    const lines = stderr.split("\n").filter((line) => line.includes(`-${service}-1 `));
    return [service, lines.at(-1)?.trim().split(/\s+/).at(-1) ?? "nothing said"] as const;
  });
  return Object.fromEntries(rows);
}

/** A process that does nothing, and ends at once when told to. */
export const idle = (more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  image: "sidecrypt-redis",
  entrypoint: ["sleep", "infinity"],
  healthcheck: { disable: true },
  stop_signal: "SIGKILL",
  ...more,
});
