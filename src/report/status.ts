/**
 * What the daemon says of itself: plain data without a value, for `status --json`, for people (print-status.ts), for
 * health and for the exit status. Pure: takes what the daemon last saw, planned and did.
 */
import { EXIT_STATUS, type ErrorCode } from "../errors.ts";
import type { ContainerState, Fault, HeldUnit, KeptFailure, Observed, Plan, Quarantine, Warning } from "../types.ts";
import { listConsumers, type Row } from "./rows.ts";

export type ConsumerState =
  /** Every running container has seen the generation that is wanted. */
  | "current"
  | "rolling"
  /** Something is to be done for it, and its turn has not come. */
  | "waiting"
  | "refused"
  | "quarantined"
  /** Another unit that shares a changed secret failed. */
  | "held"
  /** It failed its gate, and its on-failure says that it stays. */
  | "failed"
  /** The way back failed too: a person is needed. */
  | "stuck"
  /** Its drop holds nothing. */
  | "undelivered";

export interface ContainerStatus {
  readonly name: string;
  readonly state: ContainerState;
  /** Of one that has stopped; null otherwise. */
  readonly exitCode: number | null;
  /** It runs, and its health check fails. */
  readonly unhealthy: boolean;
}

export interface ConsumerStatus {
  readonly service: string;
  /** Null: its labels or mounts do not say which. */
  readonly volume: string | null;
  readonly state: ConsumerState;
  /** The generation on its drop, and since when (ISO 8601). */
  readonly generation: string | null;
  readonly since: string | null;
  /** The generation that it would get, where that is another one. */
  readonly wanted: string | null;
  readonly code: ErrorCode | null;
  readonly reason: string | null;
  readonly hint: string | null;
  readonly unproven: boolean;
  readonly containers: readonly ContainerStatus[];
}

export interface BundleStatus {
  readonly path: string | null;
  /** The first 12 hex digits of the ciphertext's SHA-256: what `sha256sum` prints. */
  readonly digest12: string | null;
  readonly state: "ok" | "refused" | "missing";
  /** Principals; none where no signature is asked for. */
  readonly signers: readonly string[];
  readonly fault: Fault | null;
}

export interface Status {
  readonly version: string;
  /** When this was written, and when the daemon started; ISO 8601. */
  readonly at: string;
  readonly since: string;
  /** Every consumer has a complete generation on its drop; nothing else counts (DESIGN.md, In the stack). */
  readonly healthy: boolean;
  /** Why not; empty when healthy. */
  readonly unhealthy: readonly string[];
  readonly bundle: BundleStatus;
  readonly consumers: readonly ConsumerStatus[];
  /** Those in force. */
  readonly quarantine: readonly Quarantine[];
  /** Of the engine, of drops, of the state: what is neither the bundle's nor one consumer's. */
  readonly faults: readonly Fault[];
  readonly warnings: readonly Warning[];
}

export type Postponed = string | Fault;

export interface StatusInput {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly startedAt: number;
  /** The bundle that is there now, not the one that the plan was made from. */
  readonly bundle: Pick<BundleStatus, "path" | "signers" | "fault"> & { readonly digest: string | null };
  /** Null: the engine has not answered yet. */
  readonly observed: Observed | null;
  /** The last plan; null: there has been nothing to plan from. */
  readonly plan: Plan | null;
  /** Services that are being rolled or refreshed right now. */
  readonly rolling: ReadonlySet<string>;
  readonly stuck: ReadonlyMap<string, Fault>;
  /** Services whose last roll was taken back for a reason outside their files; it is tried again. */
  readonly undone: ReadonlyMap<string, Fault>;
  /** Services whose unit is planned and not rolled yet; a fault where that takes a person. */
  readonly postponed: ReadonlyMap<string, Postponed>;
  readonly quarantine: readonly Quarantine[];
  readonly failures: readonly KeptFailure[];
  readonly faults: readonly Fault[];
  /** The bundle's; the plan's are added here. */
  readonly warnings: readonly Warning[];
}

export function buildStatus(input: StatusInput): Status {
  const { version, now, startedAt, plan, observed, quarantine, faults } = input;
  const consumers = listConsumers(plan, observed).map((row) => consumerStatus(row, input));
  const unhealthy = healthReasons(input, consumers);
  return {
    version,
    at: new Date(now).toISOString(),
    since: new Date(startedAt).toISOString(),
    healthy: unhealthy.length === 0,
    unhealthy,
    bundle: bundleStatus(input.bundle),
    consumers,
    quarantine: quarantine.filter((entry) => plan === null || isInForce(entry, plan)),
    faults: [...faults, ...dropFaults(observed, consumers)],
    warnings: [...input.warnings, ...(plan?.warnings ?? [])],
  };
}

/** An entry outlives the values that it is about: it counts again, should someone go back to them. */
function isInForce({ generations }: Quarantine, { held }: Plan): boolean {
  const wanted = held.filter(({ kind }) => kind === "quarantined").map((unit) => unit.generations);
  return Object.entries(generations).some(([volume, id]) => wanted.some((ids) => ids[volume] === id));
}

function bundleStatus({ path, digest, signers, fault }: StatusInput["bundle"]): BundleStatus {
  const missing = fault === null ? digest === null : fault.code === "bundle-missing";
  const state = missing ? "missing" : fault === null ? "ok" : "refused";
  return { path, digest12: digest?.slice(0, 12) ?? null, state, signers, fault };
}

/** A drop without a consumer of its own has nobody else to report its fault. */
function dropFaults(observed: Observed | null, consumers: readonly ConsumerStatus[]): readonly Fault[] {
  const reported = new Set(consumers.filter((consumer) => consumer.code !== null).map((consumer) => consumer.volume));
  return (observed?.drops ?? []).flatMap(({ volume, fault }) =>
    fault === null || reported.has(volume) ? [] : [fault],
  );
}

function healthReasons(input: StatusInput, consumers: readonly ConsumerStatus[]): readonly string[] {
  const { observed, plan, bundle } = input;
  if (observed === null) return [input.faults[0]?.message ?? "the engine has not answered yet"];
  // Before the first plan an empty list of consumers proves nothing; what stands on the drops does.
  if (plan === null && consumers.length === 0) return [bundle.fault?.message ?? "nothing has been planned yet"];
  return consumers
    .filter((consumer) => consumer.generation === null)
    .map(({ service, reason }) => `${service} has no generation on its drop${reason === null ? "" : `: ${reason}`}`);
}

type Judgement = Pick<ConsumerStatus, "state"> & Partial<Pick<ConsumerStatus, "code" | "reason" | "hint" | "wanted">>;

function consumerStatus(row: Row, input: StatusInput): ConsumerStatus {
  const { service, volume, delivered } = row;
  const judged = judge(row, input);
  const wanted = judged.wanted ?? wantedGeneration(input.plan, volume);
  return {
    service,
    volume,
    state: judged.state,
    generation: delivered?.id ?? null,
    since: delivered === null ? null : new Date(delivered.deliveredAt).toISOString(),
    wanted: wanted === delivered?.id ? null : wanted,
    code: judged.code ?? null,
    reason: judged.reason ?? null,
    hint: judged.hint ?? null,
    unproven: row.unproven,
    containers: row.containers.map(({ name, state, exitCode, isUnhealthy }) => ({
      name,
      state,
      exitCode: state === "exited" || state === "dead" ? exitCode : null,
      unhealthy: isUnhealthy,
    })),
  };
}

/** The worst that is true of it: what needs a person comes before what mends itself. */
function judge(row: Row, input: StatusInput): Judgement {
  const { service, delivered } = row;
  const { plan } = input;
  const stuck = input.stuck.get(service);
  if (stuck !== undefined) return fromFault("stuck", stuck);
  if (input.rolling.has(service)) return { state: "rolling", reason: causeFor(plan, row) };
  const undone = input.undone.get(service);
  if (undone !== undefined) return fromFault("waiting", undone);
  const refusal = plan?.refusals.find(({ services }) => services.includes(service));
  if (refusal !== undefined) return fromFault("refused", refusal.fault);
  const held = plan?.held.find(({ services }) => services.includes(service));
  if (held !== undefined) return fromHeld(row, held, input);
  const cause = causeFor(plan, row);
  if (delivered === null) return { state: "undelivered", reason: cause ?? input.bundle.fault?.message ?? null };
  if (plan === null) return { state: "waiting", reason: "nothing has been planned yet" };
  if (cause !== null) return fromPostponed(cause, input.postponed.get(service));
  const failure = input.failures.find((one) => one.service === service && one.generation === delivered.id);
  return failure === undefined ? { state: "current" } : fromFailure(failure);
}

function fromFailure({ service, reason, left }: KeptFailure): Judgement {
  const again = left === "stopped" ? `, or start it again: docker compose start ${service}` : "";
  return { state: "failed", code: "roll-failed", reason, hint: `commit a secret that works${again}` };
}

function fromPostponed(cause: string, why: Postponed | undefined): Judgement {
  if (why === undefined) return { state: "waiting", reason: cause };
  if (typeof why === "string") return { state: "waiting", reason: `${cause}; ${why}` };
  return fromFault("waiting", { ...why, message: `${cause}; ${why.message}` });
}

function fromFault(state: ConsumerState, { code, message, hint }: Fault): Judgement {
  return { state, code, reason: message, hint: hint ?? null };
}

function fromHeld({ service, volume }: Row, held: HeldUnit, { observed }: StatusInput): Judgement {
  const sidecar = observed?.self.service ?? "secrets";
  const again = `docker compose exec ${sidecar} sidecrypt retry ${service}`;
  return {
    state: held.kind,
    code: "roll-failed",
    reason: held.reason,
    hint: held.kind === "quarantined" ? `commit a secret that works, or try the same again: ${again}` : null,
    wanted: (volume === null ? undefined : held.generations[volume]) ?? null,
  };
}

/** Why something is still to be done for it; null: nothing is. */
function causeFor(plan: Plan | null, { service, volume }: Row): string | null {
  const steps = [...(plan?.units.flatMap((unit) => unit.steps) ?? []), ...(plan?.refreshes ?? [])];
  const step = steps.find(({ consumer }) => consumer.service === service);
  return step?.cause ?? allDeliveries(plan).find(({ generation }) => generation.volume === volume)?.cause ?? null;
}

function wantedGeneration(plan: Plan | null, volume: string | null): string | null {
  return allDeliveries(plan).find(({ generation }) => generation.volume === volume)?.generation.id ?? null;
}

function allDeliveries(plan: Plan | null): Plan["deliveries"] {
  return [...(plan?.deliveries ?? []), ...(plan?.units.flatMap((unit) => unit.deliveries) ?? [])];
}

/**
 * 0: nothing needs a person. Otherwise the class of the first of these, the order in which `printStatus` lists them:
 * the bundle's fault, faults of engine, drops and state, faults of consumers by name; 1: unhealthy for none of them.
 */
export function statusExit({ bundle, faults, consumers, healthy }: Status): number {
  const codes = [bundle.fault?.code, ...faults.map(({ code }) => code), ...consumers.map(({ code }) => code)];
  const first = codes.find((code) => code !== undefined && code !== null) ?? null;
  if (first !== null) return EXIT_STATUS[first];
  return healthy ? 0 : 1;
}
