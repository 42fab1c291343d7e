/** Requests + where each drop's values come from → what each drop shall hold. Looks at no container's start. */
import { groupBy } from "../collections.ts";
import type { Consumer, Fault, Generation, ObservedDrop, Opened, Templates } from "../types.ts";
import { asksOf, asksOfService, type Asks } from "./asks.ts";
import { faultOf, listOf } from "./faults.ts";
import { filesOfService, type Made } from "./files.ts";
import { mint, sameBytes, type Files } from "./generation.ts";
import type { ConsumerLabels } from "./labels.ts";
import { Names } from "./names.ts";
import { requestFault } from "./resolve.ts";
import type { Request, Stack } from "./stack.ts";

/** Where a drop's values come from. */
export type Source =
  /** `name` is what messages call it. */
  | { readonly kind: "bundle"; readonly opened: Opened; readonly name: string }
  /** What was committed on it last, whatever bundle that came from. */
  | { readonly kind: "delivered"; readonly id: string; readonly files: Files }
  /** Nothing is planned for it. */
  | { readonly kind: "frozen"; readonly opened: Opened | null }
  /** No bundle, and nothing on the drop. */
  | { readonly kind: "nothing" };

export interface DropWant {
  readonly drop: ObservedDrop;
  readonly requests: readonly Request[];
  /** Null: nothing may be written to it. */
  readonly generation: Generation | null;
  readonly asksOf: (labels: ConsumerLabels) => Asks;
  /** What its files are made of now, beside the secrets. */
  readonly templates: Templates;
}

export interface Evaluation {
  readonly drops: ReadonlyMap<string, DropWant>;
  readonly consumers: ReadonlyMap<string, Consumer>;
  /** By service, found against the source. */
  readonly faults: ReadonlyMap<string, Fault>;
}

/** Milliseconds of steady running that prove a container with no healthcheck. */
export const DEFAULT_SETTLE_MS = 10_000;

export interface Defaults {
  readonly settle?: number;
}

export type SourceOf = (drop: ObservedDrop, requests: readonly Request[]) => Source;

export function evaluate(stack: Stack, sourceOf: SourceOf, defaults: Defaults = {}): Evaluation {
  const drops = new Map<string, DropWant>();
  const consumers = new Map<string, Consumer>();
  const faults = new Map<string, Fault>();
  for (const requests of groupBy(stack.requests, ({ drop }) => drop.volume).values()) {
    const drop = requests[0]?.drop;
    if (drop === undefined) continue;
    const source = sourceOf(drop, requests);
    const found = source.kind === "frozen" ? new Map<string, Fault>() : dropFaults(stack, drop, requests, source);
    for (const [service, fault] of found) faults.set(service, fault);
    const generation = found.size > 0 ? null : generationOf(drop, requests, source);
    const templates = (source.kind === "bundle" ? source.opened.templates : undefined) ?? new Map<string, never>();
    const asksFrom = (labels: ConsumerLabels): Asks => containerAsks(labels, source);
    drops.set(drop.volume, { drop, requests, generation, asksOf: asksFrom, templates });
    for (const one of requests) consumers.set(one.service, consumerOf(one, serviceAsks(one, source), defaults));
  }
  return { drops, consumers, faults };
}

// ---------------------------------------------------------------- asks

const bundleOf = (source: Source): Opened | null =>
  source.kind === "bundle" || source.kind === "frozen" ? source.opened : null;

const secretNames = (source: Source): Names => Names.of(bundleOf(source)?.secrets ?? NO_SECRETS);
const NO_SECRETS: ReadonlyMap<string, unknown> = new Map();

/** Which names the delivered files came from is not known: all of them count, since a drop holds what is asked for. */
const deliveredAsks = (source: Source): Asks | null =>
  source.kind === "delivered" ? new Map([...source.files.keys()].map((file) => [file, file])) : null;

function containerAsks(labels: ConsumerLabels, source: Source): Asks {
  return deliveredAsks(source) ?? asksOf(labels, secretNames(source));
}

function serviceAsks(request: Request, source: Source): Asks {
  return deliveredAsks(source) ?? asksOfService(request, secretNames(source));
}

// ---------------------------------------------------------------- faults

/** What keeps this drop from being written: found in any of those who share it, told to each of them. */
function dropFaults(stack: Stack, drop: ObservedDrop, requests: readonly Request[], source: Source) {
  const own = ownFaults(requests, source);
  for (const [service, { fault, volume }] of stack.broken) if (volume === drop.volume) own.set(service, fault);
  if (own.size === 0) return sharedConflict(drop, requests, source);
  const [culprit = "", fault] = [...own].toSorted(([a], [b]) => (a < b ? -1 : 1))[0] ?? [];
  if (fault === undefined) return own;
  const shared = faultOf(fault.code, culprit, `it shares ${drop.volume} with ${culprit}, which is refused`, fault.hint);
  return new Map(
    requests.map(({ service }) => {
      const told = own.get(service);
      return [service, told ?? { ...shared, message: `service ${service}: ${shared.message}` }];
    }),
  );
}

function ownFaults(requests: readonly Request[], source: Source): Map<string, Fault> {
  const faults = new Map<string, Fault>();
  for (const request of requests) {
    const fault =
      source.kind === "bundle"
        ? requestFault(request, source.opened, source.name)
        : source.kind === "nothing"
          ? nothingCommitted(request.service)
          : null;
    if (fault !== null) faults.set(request.service, fault);
  }
  return faults;
}

function nothingCommitted(service: string): Fault {
  const message = `service ${service}: there is no bundle to deliver from, and none was committed before`;
  return faultOf("nothing-committed", service, message, "what is wrong with the bundle is said by: sidecrypt status");
}

/** One file name with two contents: whichever were delivered, somebody would log in with the wrong one. */
function sharedConflict(drop: ObservedDrop, requests: readonly Request[], source: Source): Map<string, Fault> {
  const first = new Map<string, Offer>();
  for (const offer of source.kind === "bundle" ? requests.flatMap((one) => offersOf(one, source.opened)) : []) {
    const { service, file, origin, bytes } = offer;
    const other = first.get(file);
    first.set(file, other ?? offer);
    if (other === undefined || sameBytes(bytes, other.bytes)) continue;
    const message = `file ${file} on ${drop.volume} would be ${other.origin} for ${other.service} and ${origin} for ${service}`;
    const hint = `give ${listOf([other.service, service])} a volume each, or other file names`;
    const fault = faultOf("drop-conflict", drop.volume, message, hint);
    return new Map(requests.map((request) => [request.service, fault]));
  }
  return new Map();
}

interface Offer extends Made {
  readonly service: string;
  readonly file: string;
}

function offersOf(request: Request, opened: Opened): Offer[] {
  return [...filesOfService(request, opened)].map(([file, made]) => ({ service: request.service, file, ...made }));
}

// ---------------------------------------------------------------- what is wanted

function generationOf(drop: ObservedDrop, requests: readonly Request[], source: Source): Generation | null {
  if (source.kind === "delivered") {
    return { volume: drop.volume, id: source.id, files: source.files, bundleDigest: null };
  }
  if (source.kind !== "bundle") return null;
  const { fingerprintKey, digest } = source.opened;
  return mint(drop, filesOn(requests, source.opened), fingerprintKey, digest);
}

/** What a drop holds for all who share it. */
export function filesOn(requests: readonly Request[], opened: Opened): Files {
  const files = requests.flatMap((one) => offersOf(one, opened)).map(({ file, bytes }) => [file, bytes] as const);
  return new Map([...new Map(files)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function consumerOf(request: Request, asks: Asks, defaults: Defaults): Consumer {
  const { container, labels } = request.deciding;
  return {
    service: request.service,
    volume: request.drop.volume,
    containers: request.containers,
    after: request.after,
    onChange: labels.onChange,
    probe: labels.probe,
    healthTimeout: labels.healthTimeout,
    settle: labels.settle ?? defaults.settle ?? DEFAULT_SETTLE_MS,
    order: labels.order,
    onFailure: labels.onFailure,
    unproven: !container.hasHealthcheck && labels.probe === null,
    asks,
    templates: labels.templates.map(({ template }) => template),
  };
}
