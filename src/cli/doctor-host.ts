/** Before the first start: what this machine and its engine say of a Compose model. Asks, and changes nothing. */
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import * as z from "zod";
import { looksLikeBundle, namesWithoutKey } from "../bundle/index.ts";
import { bundleOf } from "../compose-model/exposure.ts";
import type { ComposeModel } from "../compose-model/index.ts";
import type { ImageFacts, StackView, ViewedService } from "../compose-model/view.ts";
import { NO_FACTS, type Facts, type PathFact, type Process } from "../doctor/index.ts";
import { sourcesOf } from "../doctor/reach.ts";
import { engineOf } from "../doctor/socket.ts";
import { systemCode } from "../errors.ts";
import { faultOf } from "../fault.ts";
import { findBundles, readBundle } from "../source/index.ts";
import type { Fault } from "../types.ts";
import type { Io } from "./io.ts";

const imageConfig = z.object({
  User: z.string().nullish(),
  Healthcheck: z.object({ Test: z.array(z.string()).nullish() }).nullish(),
});

/** By reference; an image that is not there yet is left out. */
export async function imageFacts({ services }: ComposeModel, io: Io): Promise<Map<string, ImageFacts>> {
  const facts = new Map<string, ImageFacts>();
  for (const image of new Set(Object.values(services).flatMap(({ image: one }) => one ?? []))) {
    const answer = await asked(io, ["image", "inspect", "--format", "{{json .Config}}", "--", image], imageConfig);
    if (answer !== null) {
      facts.set(image, { user: answer.User ?? "", healthTest: answer.Healthcheck?.Test ?? ["NONE"] });
    }
  }
  return facts;
}

export async function factsOfHost(view: StackView, io: Io): Promise<Facts> {
  const engine = await asked(io, ["info", "--format", "{{json .}}"], z.object({ KernelVersion: z.string().min(1) }));
  const isLocal = await hasLocalEngine(io);
  const volumes = engine === null ? NO_FACTS.volumes : await volumesOf(view, io);
  const bundle = isLocal ? await bundleOnHost(view.sidecar) : null;
  return {
    ...NO_FACTS,
    ...(isLocal ? { paths: await pathsOf(view.sidecar), swap: await hasSwap() } : {}),
    ...(isLocal ? { sockets: await socketsOf(view, volumes) } : {}),
    names: bundle?.names ?? null,
    faults: bundle === null ? [] : [bundle.fault].filter((fault) => fault !== null),
    ...(engine === null
      ? { unasked: [{ subject: "engine", why: "it does not answer: volumes, images and processes were left out" }] }
      : { kernel: engine.KernelVersion, volumes, processes: await processesOf(view, io) }),
  };
}

/** Over a network the paths, the swap and the bundle of this machine are not the engine's. */
async function hasLocalEngine(io: Io): Promise<boolean> {
  const { DOCKER_HOST: address } = io.env;
  if (address !== undefined && address !== "") return address.startsWith("unix:");
  const { code, stdout } = await io.docker(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
  return code !== 0 || stdout.startsWith("unix:");
}

async function pathsOf(sidecar: ViewedService | null): Promise<Map<string, PathFact>> {
  const bound = (sidecar?.mounts ?? []).filter(({ type }) => type === "bind").map(({ source }) => source);
  const injected = (sidecar?.injected ?? []).flatMap(({ source }) => source ?? []);
  const facts = await Promise.all([...bound, ...injected].map(async (path) => [path, await pathFact(path)] as const));
  return new Map(facts.flatMap(([path, fact]) => (fact === null ? [] : [[path, fact] as const])));
}

/** By what a path is, links followed: a bind on the host or a link gives the engine's socket any name. */
async function socketsOf(view: StackView, volumes: Facts["volumes"]): Promise<Facts["sockets"]> {
  const sockets = new Map<string, string[]>();
  const path = view.sidecar === null ? "" : engineOf(view.sidecar);
  const engine = await identityOf(path);
  if (engine === null) return sockets;
  for (const { service, mounts } of view.services) {
    for (const mount of mounts) {
      const sources = sourcesOf(mount, view, { volumes });
      const paths = sources.flatMap((source) => [source, join(source, basename(path)), join(source, "docker.sock")]);
      const found = await Promise.all(paths.map(identityOf));
      if (found.includes(engine)) sockets.set(service, [...(sockets.get(service) ?? []), mount.target]);
    }
  }
  return sockets;
}

/** Null: it is not there, or not to be looked at. */
async function identityOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? null : `${found.dev} ${found.ino}`;
}

/** Null: it may not be looked at. */
async function pathFact(path: string): Promise<PathFact | null> {
  try {
    const found = await stat(path);
    const kinds = [
      [found.isFile(), "file"],
      [found.isDirectory(), "directory"],
      [found.isSocket(), "socket"],
    ] as const;
    const kind = kinds.find(([is]) => is)?.[1] ?? "other";
    return { kind, uid: found.uid, gid: found.gid, mode: found.mode & 0o7777 };
  } catch (thrown) {
    return systemCode(thrown) === "ENOENT" ? { kind: "missing", uid: 0, gid: 0, mode: 0 } : null;
  }
}

/** One line for each area behind the heading. */
export async function hasSwap(): Promise<boolean | null> {
  const text = await readFile("/proc/swaps", "utf8").catch(() => null);
  return text === null ? null : text.trim().split("\n").length > 1;
}

interface OnHost {
  readonly names: readonly string[] | null;
  readonly fault: Fault | null;
}

/** Null: its directory is not there, which is another finding. */
async function bundleOnHost(sidecar: ViewedService | null): Promise<OnHost | null> {
  const directory = sidecar === null ? null : bundleOf(sidecar);
  if (directory === null || (await pathFact(directory.path))?.kind !== "directory") return null;
  try {
    return { names: await namesIn(directory.path, directory.listed), fault: null };
  } catch (thrown) {
    return { names: null, fault: faultOf(thrown, directory.path) };
  }
}

/** Of the bundles that the sidecar would take; null: one of them has names that are not read without a key. */
export async function namesIn(directory: string, listed: readonly string[]): Promise<readonly string[] | null> {
  const bundles = await findBundles(directory, listed, looksLikeBundle);
  const names = await Promise.all(bundles.map(async ({ path }) => namesWithoutKey((await readBundle(path)).bytes)));
  return names.some((one) => one === null) ? null : names.flatMap((one) => one ?? []);
}

const volumeOptions = z.array(z.object({ Name: z.string(), Options: z.record(z.string(), z.string()).nullish() }));

async function volumesOf({ volumes }: StackView, io: Io): Promise<Facts["volumes"]> {
  if (volumes.size === 0) return new Map();
  // It prints those that there are, and fails over those that are not there yet.
  const { stdout } = await io.docker(["volume", "inspect", ...volumes.keys()]);
  const found = volumeOptions.safeParse(fromJson(stdout)).data ?? [];
  return new Map(found.map(({ Name, Options }) => [Name, Options ?? {}]));
}

async function processesOf({ project }: StackView, io: Io): Promise<Facts["processes"]> {
  const filter = `label=com.docker.compose.project=${project}`;
  const format = '{{.ID}} {{.Label "com.docker.compose.service"}}';
  const { stdout } = await io.docker(["ps", "--filter", filter, "--format", format]);
  const processes = new Map<string, readonly Process[]>();
  for (const row of stdout.split("\n").filter((line) => line !== "")) {
    const [id = "", service = ""] = row.split(" ");
    const table = await io.docker(["top", id, "-eo", "pid,uid,gid"]);
    const seen = table.code === 0 ? processesIn(table.stdout) : [];
    if (seen.length > 0) processes.set(service, [...(processes.get(service) ?? []), ...seen]);
  }
  return processes;
}

function processesIn(table: string): Process[] {
  return table.split("\n").flatMap((row): Process[] => {
    const [, uid, gid] = /^\s*\d+\s+(\d+)\s+(\d+)\s*$/.exec(row) ?? [];
    return uid === undefined ? [] : [{ uid: Number(uid), gid: Number(gid) }];
  });
}

async function asked<T>(io: Io, args: readonly string[], schema: z.ZodType<T>): Promise<T | null> {
  const { code, stdout } = await io.docker(args);
  return code === 0 ? (schema.safeParse(fromJson(stdout)).data ?? null) : null;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
