/** The engine's answers, parsed once at the edge. Fields that nobody decides by pass through raw. */
import * as z from "zod";
import { SidecryptError } from "../errors.ts";
import type { ChangedPath, Health, Image, Inspected, ListedContainer, PathStat } from "./port.ts";

const state = z.enum(["created", "running", "paused", "restarting", "removing", "exited", "dead"]);
const record = z.record(z.string(), z.unknown());
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

/** The zero time that Docker writes for "never". */
const NEVER = "0001-01-01T00:00:00Z";

const health = z
  .object({
    Status: z.string(),
    FailingStreak: z.number().default(0),
    // Not its output, which may hold anything.
    Log: z.array(z.object({ Start: z.string(), ExitCode: z.number() })).nullish(),
  })
  .nullish()
  .transform((value): Health | null => {
    const status = value?.Status;
    if (status !== "starting" && status !== "healthy" && status !== "unhealthy") return null;
    const checks = (value?.Log ?? []).map((one) => ({ startedAt: Date.parse(one.Start), exitCode: one.ExitCode }));
    return { status, failingStreak: value?.FailingStreak ?? 0, checks };
  });

/** Here and not where they are used: making a schema costs more than many parses. */
const configured = z.object({ Labels: labels, Env: z.array(z.string()).nullish() });
const restarting = z.object({ RestartPolicy: z.object({ Name: z.string() }).nullish() });

const inspected = z
  .object({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    Created: z.string(),
    RestartCount: z.number().default(0),
    State: z.object({
      Status: state,
      StartedAt: z.string().default(NEVER),
      ExitCode: z.number().default(0),
      Health: health,
    }),
    Config: record,
    HostConfig: record,
    NetworkSettings: z.object({ Networks: z.record(z.string(), record).nullish() }),
    Mounts: z
      .array(
        z.object({
          Type: z.string(),
          Name: z.string().default(""),
          Source: z.string().default(""),
          Destination: z.string(),
          RW: z.boolean(),
        }),
      )
      .nullish(),
  })
  .transform((raw): Inspected => {
    const config = parse(configured, raw.Config, "container inspect, its Config");
    const host = parse(restarting, raw.HostConfig, "container inspect, its HostConfig");
    return {
      id: raw.Id,
      name: raw.Name.replace(/^\//, ""),
      image: raw.Image,
      created: raw.Created,
      state: raw.State.Status,
      startedAt: raw.State.StartedAt === NEVER ? null : raw.State.StartedAt,
      exitCode: raw.State.ExitCode,
      restartCount: raw.RestartCount,
      health: raw.State.Health,
      labels: config.Labels,
      environment: config.Env ?? [],
      mounts: (raw.Mounts ?? []).map((mount) => ({
        type: mount.Type,
        name: mount.Name,
        source: mount.Source,
        destination: mount.Destination,
        writable: mount.RW,
      })),
      restartPolicy: host.RestartPolicy?.Name ?? "",
      config: raw.Config,
      hostConfig: raw.HostConfig,
      networks: raw.NetworkSettings.Networks ?? {},
    };
  });

const listed = z.array(
  z
    .object({
      Id: z.string(),
      State: state,
      Labels: labels,
      Mounts: z.array(z.object({ Type: z.string(), Name: z.string().default(""), RW: z.boolean() })).nullish(),
    })
    .transform((raw): ListedContainer => ({
      id: raw.Id,
      state: raw.State,
      labels: raw.Labels,
      mounts: (raw.Mounts ?? [])
        .filter((mount) => mount.Type === "volume")
        .map((mount) => ({ volume: mount.Name, writable: mount.RW })),
    })),
);

const image = z
  .object({
    Id: z.string(),
    Os: z.string().default(""),
    Architecture: z.string().default(""),
    Variant: z.string().default(""),
    Config: z.object({ Entrypoint: z.array(z.string()).nullish() }).nullish(),
  })
  .transform((raw): Image => ({
    id: raw.Id,
    entrypoint: raw.Config?.Entrypoint ?? null,
    platform: { os: raw.Os, architecture: raw.Architecture, variant: raw.Variant },
  }));

const KINDS = ["modified", "added", "deleted"] as const;

const changes = z
  .array(
    z
      .object({ Path: z.string(), Kind: z.literal([0, 1, 2]) })
      .transform((c) => ({ path: c.Path, kind: KINDS[c.Kind] })),
  )
  .nullable()
  .transform((value): readonly ChangedPath[] => value ?? []);

/** Go's os.FileMode: what makes a file anything but a regular one, and what of the rest chmod sets. */
const NO_FILE = 0x8f280000;
const PERMISSIONS = 0x00d001ff;
const SOCKET = 0x01000000;

const pathStat = z.object({ mode: z.number(), size: z.number(), mtime: z.string() }).transform((raw): PathStat => ({
  isFile: (raw.mode & NO_FILE) === 0,
  isSocket: (raw.mode & SOCKET) !== 0,
  mode: raw.mode & PERMISSIONS,
  size: raw.size,
  modified: raw.mtime,
}));

export const parseChanges = (answer: unknown): readonly ChangedPath[] => parse(changes, answer, "container changes");

const linkStat = z
  .object({ linkTarget: z.string() })
  .transform((raw) => (raw.linkTarget === "" ? null : raw.linkTarget));

/** @param header `X-Docker-Container-Path-Stat` */
export const parseStat = (header: unknown): PathStat => parse(pathStat, statJson(header), "archive");

/** @param header as for `parseStat`; null: no symbolic link */
export const parseLinkTarget = (header: unknown): string | null => parse(linkStat, statJson(header), "archive");

const statJson = (header: unknown): unknown =>
  tryJson(Buffer.from(parse(z.string(), header, "archive"), "base64").toString());

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const parseInspect = (answer: unknown): Inspected => parse(inspected, answer, "container inspect");
export const parseList = (answer: unknown): readonly ListedContainer[] => parse(listed, answer, "container list");
export const parseImage = (answer: unknown): Image => parse(image, answer, "image inspect");

/** @throws SidecryptError `docker-refused`, naming the field: zod echoes no input. */
export function parse<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const where = result.error.issues.map((issue) => issue.path.join(".") || "(top)").slice(0, 3);
  throw new SidecryptError("docker-refused", `the engine's answer to ${what} is not understood at ${where.join(", ")}`);
}
