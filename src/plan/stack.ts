/**
 * Observed → who asks for what, before any bundle is looked at. Takes the snapshot; returns requests, what is broken
 * for any bundle, and the order of services. Resolves no name.
 */
import { groupBy } from "../collections.ts";
import { isPast } from "../container-state.ts";
import type { Fault, Observed, ObservedContainer, ObservedDrop, Warning } from "../types.ts";
import { faultOf, listOf, type Broken } from "./faults.ts";
import { cycleOf, type Graph } from "./graph.ts";
import { parseConsumer, type ConsumerLabels } from "./labels.ts";
import { pair } from "./pairing.ts";

/** A container whose labels are understood. */
export interface Asking {
  readonly container: ObservedContainer;
  readonly labels: ConsumerLabels;
}

/** A service that asks for secrets: understood, and paired with a drop that may be written. */
export interface Request {
  readonly service: string;
  readonly drop: ObservedDrop;
  /** Those that may be acted on, by number: no backups, no completed jobs. */
  readonly containers: readonly ObservedContainer[];
  /** All whose files must be there, the one that decides last: while two containers exist, both get what they ask for. */
  readonly asking: readonly Asking[];
  /** The newest: its labels are the service's. */
  readonly deciding: Asking;
  readonly after: readonly string[];
}

export interface Stack {
  readonly requests: readonly Request[];
  readonly broken: ReadonlyMap<string, Broken>;
  /** Services that wait for each other; their drops are known all the same. */
  readonly cycles: ReadonlyMap<string, Fault>;
  readonly graph: Graph;
  /** Every container of the project that counts, consumer or not: no one-offs, and nothing of a roll under way. */
  readonly containers: readonly ObservedContainer[];
  readonly warnings: readonly Warning[];
}

/** On the tasks of a Swarm service: whatever we did to one, Swarm would undo. */
const SWARM = "com.docker.swarm.service.id";
const DEPENDS_ON = "com.docker.compose.depends_on";

export function readStack(observed: Observed): Stack {
  const counted = observed.containers.filter(
    (one) => !one.oneOff && !isPast(one) && one.service !== observed.self.service,
  );
  const waitedFor = new Set(counted.flatMap(dependenciesOf).filter(isWaitedFor).map(serviceOf));
  const isCompletedJob = (one: ObservedContainer): boolean => isDone(one) && waitedFor.has(one.service);
  const services = new Map(
    [...groupBy(counted, (container) => container.service)].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const known = new Set([observed.self.service, ...services.keys(), ...counted.flatMap(dependenciesOf).map(serviceOf)]);
  const read = [...services.values()].map((all) => readService(observed, all, known, isCompletedJob));
  const requests = read.map(({ request }) => request).filter((request) => request !== null);
  const graph = orderOf(observed, counted, requests);
  return {
    requests: requests.map((one) => ({ ...one, after: [...(graph.get(one.service) ?? [])].toSorted() })),
    broken: new Map(read.flatMap(({ broken }) => broken)),
    cycles: cyclesOf(graph, requests),
    graph,
    containers: counted.filter((one) => !one.isBackup && one.replaces === null),
    warnings: read.flatMap(({ warnings }) => warnings),
  };
}

interface Reading {
  readonly request: Request | null;
  readonly broken: readonly [string, Broken][];
  readonly warnings: readonly Warning[];
}

const NOTHING: Reading = { request: null, broken: [], warnings: [] };

function readService(
  observed: Observed,
  all: readonly ObservedContainer[],
  known: ReadonlySet<string>,
  isCompletedJob: (container: ObservedContainer) => boolean,
): Reading {
  const newest = newestOf(all);
  if (newest === undefined) return NOTHING;
  const { service } = newest;
  const labels = parseConsumer(service, newest.labels);
  if (labels === null) return NOTHING;
  if (newest.labels[SWARM] !== undefined) return { ...NOTHING, broken: [[service, swarmTask(service)]] };
  const drop = pair(observed, newest);
  const broken = brokenIn(service, labels, drop, known) ?? overlapFault(observed, newest, labels, drop);
  if (broken !== null) {
    // It ran and is done: nobody waits for its files now, and the error will be there when it is started again.
    if (!isCompletedJob(newest)) return { ...NOTHING, broken: [[service, broken]] };
    const message = `its job is done; started again it would be refused: ${broken.fault.message}`;
    return { ...NOTHING, warnings: [{ subject: service, message }] };
  }
  if ("fault" in labels || !("path" in drop)) return NOTHING;
  const mounting = all.filter((one) => one.mounts.some(({ volume }) => volume === drop.volume));
  const containers = mounting.filter((one) => !one.isBackup && !isCompletedJob(one)).toSorted(byNumber);
  const deciding: Asking = { container: newest, labels };
  const asking = [...askingAmong(mounting.filter((one) => one !== newest)), deciding];
  return { ...NOTHING, request: { service, drop, containers, asking, deciding, after: [] } };
}

/**
 * One that was never started, which is how Compose makes a successor; else the one started last, which a candidate of
 * ours is beside the backup that it replaces. A backup decides only when it is alone.
 */
function newestOf(all: readonly ObservedContainer[]): ObservedContainer | undefined {
  const fresh = all.filter((container) => !container.isBackup);
  const age = ({ startedAt }: ObservedContainer): number => (startedAt === null ? Infinity : Date.parse(startedAt));
  return (fresh.length > 0 ? fresh : all).toSorted((a, b) => (age(a) > age(b) ? 1 : age(a) < age(b) ? -1 : 0)).at(-1);
}

/** Older containers whose labels are not understood add nothing: the newest one mends or breaks the service. */
function askingAmong(containers: readonly ObservedContainer[]): Asking[] {
  return containers.flatMap((container) => {
    const labels = parseConsumer(container.service, container.labels);
    return labels === null || "fault" in labels ? [] : [{ container, labels }];
  });
}

function brokenIn(
  service: string,
  labels: ConsumerLabels | { readonly fault: Fault },
  drop: ObservedDrop | Broken,
  known: ReadonlySet<string>,
): Broken | null {
  const pairing = "path" in drop ? null : drop;
  // The drop is told with a broken label too: those who share it are not served without this one.
  const { volume } = drop;
  if ("fault" in labels) return { fault: labels.fault, volume };
  const unknown = labels.after.filter((name) => !known.has(name));
  if (unknown.length === 0) return pairing;
  const message = `service ${service}: label sidecrypt.after names ${listOf(unknown)}, which the project does not have`;
  return { fault: faultOf("label-invalid", service, message, "is its container created yet?"), volume };
}

function swarmTask(service: string): Broken {
  const message = `service ${service}: it is a task of a Swarm service, which only Swarm may replace`;
  return { fault: faultOf("not-supported", service, message, "use docker service update --force"), volume: null };
}

/** `sidecrypt.order: start-first` where no copy can run beside it (H44). */
function overlapFault(
  { containers }: Observed,
  { id, service, soleReason }: ObservedContainer,
  labels: ConsumerLabels | { readonly fault: Fault },
  drop: ObservedDrop | Broken,
): Broken | null {
  if ("fault" in labels || labels.order !== "start-first") return null;
  const child = containers.find((one) => [...one.namespacesOf, ...one.volumesOf].includes(id));
  const reason = soleReason ?? (child === undefined ? null : `${child.service} shares its namespaces or volumes`);
  if (reason === null) return null;
  const message = `service ${service}: label sidecrypt.order: start-first is not possible, since ${reason}`;
  return { fault: faultOf("not-supported", service, message, "use stop-first"), volume: drop.volume };
}

function byNumber(a: ObservedContainer, b: ObservedContainer): number {
  return a.number - b.number || (a.name < b.name ? -1 : 1);
}

// ---------------------------------------------------------------- order

interface Dependency {
  readonly service: string;
  readonly condition: string;
  /** Compose restarts the dependent with it. */
  readonly restart: boolean;
}

const serviceOf = ({ service }: Dependency): string => service;
const isWaitedFor = ({ condition }: Dependency): boolean => condition === "service_completed_successfully";

/**
 * `svc:condition:restart,…`. Compose before 2.17 wrote the names alone, which later ones read as `restart: true`
 * (recreate.md H38).
 */
export function dependenciesOf({ labels }: Pick<ObservedContainer, "labels">): Dependency[] {
  const entries = (labels[DEPENDS_ON] ?? "").split(",").map((entry) => entry.trim().split(":"));
  return entries
    .filter(([service]) => service !== undefined && service !== "")
    .map(([service = "", condition = "", restart = "true"]) => ({ service, condition, restart: restart === "true" }));
}

/** A bot stopped by hand may have exited with 0 as well: only what others wait for to complete is a job. */
function isDone({ state, exitCode, restartPolicy }: ObservedContainer): boolean {
  return state === "exited" && exitCode === 0 && (restartPolicy === "no" || restartPolicy === "");
}

/** Of all services, consumers or not, so that one can be reached through another; the sidecar does not count. */
function orderOf(observed: Observed, counted: readonly ObservedContainer[], requests: readonly Request[]): Graph {
  const graph = new Map<string, Set<string>>();
  const add = (service: string, before: string): void => {
    if (before === observed.self.service) return;
    graph.set(service, (graph.get(service) ?? new Set()).add(before));
  };
  for (const container of counted) {
    for (const { service } of dependenciesOf(container)) add(container.service, service);
    for (const id of [...container.namespacesOf, ...container.volumesOf]) {
      const owner = counted.find((one) => one.id === id);
      if (owner !== undefined && owner.service !== container.service) add(container.service, owner.service);
    }
  }
  for (const { service, deciding } of requests) {
    for (const before of deciding.labels.after) add(service, before);
  }
  return graph;
}

/** Compose refuses cycles of depends_on itself: one that is here goes through sidecrypt.after. */
function cyclesOf(graph: Graph, requests: readonly Request[]): Map<string, Fault> {
  const faults = new Map<string, Fault>();
  const known = new Map<string, Fault>();
  for (const { service } of requests) {
    const cycle = cycleOf(graph, service);
    if (cycle.length === 0) continue;
    const names = listOf(cycle);
    const message = `${names} ${cycle.length === 1 ? "waits for itself" : "wait for each other"}`;
    const hint = "take one of them out of sidecrypt.after";
    const fault = known.get(names) ?? faultOf("order-cycle", cycle[0] ?? service, message, hint);
    known.set(names, fault);
    faults.set(service, fault);
  }
  return faults;
}
