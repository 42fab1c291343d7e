/** Worlds as literals: a stack of services, what stands on their drops, and a pure `apply` of a plan to it. */
import { plan, type PlanInput } from "../../src/plan/index.ts";
import type {
  ContainerState,
  Delivered,
  DeliverStep,
  Observed,
  ObservedContainer,
  ObservedDrop,
  Opened,
  Plan,
  SeenEntry,
} from "../../src/types.ts";

export const PROJECT = "stack";
/** When everything in a fresh world started; deliveries come later. */
export const BOOT = Date.parse("2026-01-01T00:00:00Z");
export const at = (ms: number): string => new Date(ms).toISOString();

const KEY = new Uint8Array(32).fill(7);

export function bundle(values: Readonly<Record<string, string>>, overrides: Partial<Opened> = {}): Opened {
  const secrets = new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value)]));
  return { digest: "d".repeat(64), secrets, warnings: [], fingerprintKey: KEY, ...overrides };
}

export interface ServiceOptions {
  /** `sidecrypt.secrets`; undefined: not a consumer. */
  readonly secrets?: string;
  /** More labels of ours, without their prefix. */
  readonly labels?: Readonly<Record<string, string>>;
  /** `redis` or `redis:service_completed_successfully`. */
  readonly dependsOn?: readonly string[];
  /** Default: `<service>-secrets`; null: mounts none. */
  readonly volume?: string | null;
  readonly destination?: string;
  readonly writable?: boolean;
  readonly state?: ContainerState;
  readonly with?: Partial<ObservedContainer>;
}

export function container(service: string, options: ServiceOptions = {}): ObservedContainer {
  const { volume = `${service}-secrets`, destination = "/run/secrets", writable = false } = options;
  const number = options.with?.number ?? 1;
  const state = options.state ?? "running";
  return {
    id: `${service}-${number}`.padEnd(64, "0"),
    name: `${service}-${number}`,
    service,
    number,
    oneOff: false,
    state,
    startedAt: state === "created" ? null : at(BOOT),
    exitCode: 0,
    labels: labelsOf(options),
    environmentNames: ["PATH"],
    mounts: volume === null ? [] : [{ volume, destination, writable }],
    hasHealthcheck: true,
    restartPolicy: "unless-stopped",
    replaces: null,
    isBackup: false,
    namespacesOf: [],
    volumesOf: [],
    soleReason: null,
    isUnhealthy: false,
    ...options.with,
  };
}

function labelsOf({ secrets, labels = {}, dependsOn = [] }: ServiceOptions): Record<string, string> {
  const ours = Object.entries(labels).map(([name, value]) => [`sidecrypt.${name}`, value] as const);
  const entries = dependsOn.map((one) => (one.includes(":") ? `${one}:false` : `${one}:service_healthy:false`));
  return {
    "com.docker.compose.project": PROJECT,
    "com.docker.compose.depends_on": ["secrets:service_healthy:false", ...entries].join(","),
    ...(secrets === undefined ? {} : { "sidecrypt.secrets": secrets }),
    ...Object.fromEntries(ours),
  };
}

export function drop(volume: string, overrides: Partial<ObservedDrop> = {}): ObservedDrop {
  return { volume, path: `/drops/${volume}`, current: null, previous: null, seen: [], fault: null, ...overrides };
}

export function delivered(files: Readonly<Record<string, string>>, id: string, deliveredAt = BOOT): Delivered {
  return { id, deliveredAt, files: new Map(Object.entries(files).map(([name, value]) => [name, Buffer.from(value)])) };
}

/** Drops: one for every volume mounted at /run/secrets, unless they are given. */
export function world(containers: readonly ObservedContainer[], drops?: readonly ObservedDrop[]): Observed {
  const mounted = containers.flatMap(({ mounts }) => mounts.map(({ volume }) => volume));
  return {
    self: { project: PROJECT, service: "secrets" },
    containers,
    drops: drops ?? [...new Set(mounted)].map((volume) => drop(volume)),
  };
}

export function input(observed: Observed, opened: Opened | null, more: Partial<PlanInput> = {}): PlanInput {
  return { observed, opened, fallback: new Map(), quarantine: [], ...more };
}

/** The bundle committed last for every drop. */
export function fallbackOf(observed: Observed, opened: Opened): Map<string, Opened> {
  return new Map(observed.drops.map(({ volume }) => [volume, opened]));
}

/** A world in which this bundle has been delivered and every container has it. */
export function settled(observed: Observed, opened: Opened): Observed {
  return apply(observed, plan(input(observed, opened)), BOOT + 60_000);
}

/** Changes containers of the services; the drops stay as they are. */
export function change(observed: Observed, changes: Readonly<Record<string, Partial<ObservedContainer>>>): Observed {
  return { ...observed, containers: observed.containers.map((one) => ({ ...one, ...changes[one.service] })) };
}

/** A reboot: nothing on the drops, everything that ran runs again. */
export function emptied(observed: Observed): Observed {
  return { ...observed, drops: observed.drops.map((one) => drop(one.volume)) };
}

// ---------------------------------------------------------------- apply

/** What deliver and roll would make of it, all gates passed. */
export function apply(observed: Observed, { deliveries, refreshes, units }: Plan, now: number): Observed {
  const steps = [...deliveries, ...units.flatMap((unit) => unit.deliveries)];
  const rolled = [...refreshes, ...units.flatMap((unit) => unit.steps)];
  const started = new Map(rolled.flatMap((step) => step.containers.map(({ id }) => [id, step.consumer] as const)));
  const drops = observed.drops.map((one) => applyDelivery(one, steps, now));
  const containers = observed.containers.map((one) => {
    const kind = started.get(one.id)?.onChange.kind;
    if (kind === undefined || kind === "signal") return one;
    return { ...one, id: kind === "recreate" ? nextId(one.id) : one.id, startedAt: at(now + 1000) };
  });
  const seen = containers.flatMap((one, index): [string, SeenEntry][] => {
    const before = observed.containers[index];
    const consumer = before === undefined ? undefined : started.get(before.id);
    const generation = drops.find(({ volume }) => volume === consumer?.volume)?.current?.id;
    if (consumer === undefined || generation === undefined || one.startedAt === null) return [];
    return [[consumer.volume, { container: one.id, startedAt: one.startedAt, generation }]];
  });
  return {
    ...observed,
    containers,
    drops: drops.map((one) => ({
      ...one,
      seen: [...one.seen, ...seen.filter(([volume]) => volume === one.volume).map(([, entry]) => entry)],
    })),
  };
}

function applyDelivery(one: ObservedDrop, steps: readonly DeliverStep[], now: number): ObservedDrop {
  const step = steps.find(({ generation }) => generation.volume === one.volume);
  if (step === undefined) return { ...one, previous: null };
  const { id, files } = step.generation;
  return { ...one, current: { id, files, deliveredAt: now }, previous: null, seen: [...one.seen, ...step.adopt] };
}

function nextId(id: string): string {
  return `${id.slice(0, 40)}${(Number.parseInt(id.slice(40), 16) + 1).toString(16).padStart(24, "0")}`;
}
