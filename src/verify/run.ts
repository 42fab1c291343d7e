/** The whole of `verify`: looks everywhere, tests itself, judges. Takes what it looks with; returns a report. */
import type { Clock } from "../clock.ts";
import type { Evidence } from "../docker/evidence.ts";
import { parseInspect } from "../docker/inspect.ts";
import type { DockerPort } from "../docker/port.ts";
import { isUp } from "../container-state.ts";
import { toSidecryptError } from "../errors.ts";
import { faultOf } from "../fault.ts";
import { createSearcher, type Needle, type Unchecked } from "../search/index.ts";
import { type Beside, besideFindings, type BesideView, deliveredValues, readBeside } from "./beside.ts";
import { declaredIn } from "./declared.ts";
import { hider } from "./hide.ts";
import { judge } from "./judge.ts";
import { finding } from "./findings.ts";
import { lookAtLayers } from "./layers.ts";
import type { Look } from "./places.ts";
import { asPrinted } from "./processes.ts";
import { selfTest } from "./self-test.ts";
import { Sightings } from "./sightings.ts";
import { imagesOf, lookAtEvents, lookAtStack, readStackEvidence, type StackEvidence } from "./stack.ts";
import { lookForSockets, type SeenSockets, type SocketLook } from "./sockets.ts";
import { rootOf, surroundingFindings } from "./surroundings.ts";
import { type Finding, type SelfTest, verdictOf, type VerifyReport } from "./types.ts";
import { watch } from "./watch.ts";

export interface VerifyDeps {
  readonly docker: DockerPort;
  readonly evidence: Evidence;
  readonly clock: Clock;
}

export interface VerifyOptions {
  readonly version: string;
  /** Compose's name for it. */
  readonly project: string;
  /** What is searched for; one name may stand for several values. */
  readonly needles: readonly Needle[];
  /** Null: verified from elsewhere, where nobody sees the drops; that is a gap. */
  readonly beside: Beside | null;
  /** Image of the container that the self-test makes: one with Node at /usr/local/bin/node; null: the sidecar's. */
  readonly image: string | null;
  /** Paths in the sidecar's container of what opens the bundle, which is no leak there. */
  readonly keyFiles: readonly string[];
  /** Warnings and weak values count as misconfigurations. */
  readonly strict: boolean;
  /** Milliseconds over which what passes is looked at again and again; 0: once. */
  readonly watch: number;
  /** The files in the layers of images too [false]. */
  readonly images?: boolean;
  /** Faults that are known already, such as a bundle that does not open. */
  readonly findings?: readonly Finding[];
}

export async function runVerify(deps: VerifyDeps, options: VerifyOptions): Promise<VerifyReport> {
  const { docker, evidence, clock } = deps;
  const at = new Date(clock.now()).toISOString();
  const stack = await readStackEvidence(evidence, options.project);
  const view = options.beside === null ? null : await readBeside(docker, options.beside);
  const needles = withPrinted([...options.needles, ...(view === null ? [] : deliveredValues(view))]);
  const into = new Sightings(createSearcher(needles, { shapes: true, digests: true, strict: options.strict }));
  const sidecar = sidecarIn(stack, options);
  const ownFiles = new Map(sidecar === null ? [] : [[sidecar, options.keyFiles]]);
  const look: Look = { evidence, changes: (id) => docker.changes(id), into, ownFiles };
  await lookAtEvents(look, stack, options.project, clock.now());
  const tested = await testItself(deps, options, stack, into);
  await lookAtStack(look, stack, options.project);
  if (options.images === true) await lookAtLayers(look, imagesOf(stack));
  else into.limit(options.project, "files in the layers of its images", "only `verify --images` reads them");
  if (options.watch > 0) await watch(clock, look, stack, options.project, options.watch);

  const findings = [
    ...(options.findings ?? []),
    ...judge(into.all, declaredIn(stack.ours, needles)),
    ...(await besides(deps, options, stack, view, into)),
    ...(await around(deps, options, stack, view, into)),
  ];
  return reportOf(options, at, findings, tested, into);
}

// ---------------------------------------------------------------- parts

async function testItself(
  deps: VerifyDeps,
  options: VerifyOptions,
  { ours }: StackEvidence,
  into: Sightings,
): Promise<SelfTest | null> {
  const sidecar = ours.find((raw) => raw["Id"] === options.beside?.self.id);
  const image = options.image ?? (typeof sidecar?.["Image"] === "string" ? sidecar["Image"] : null);
  if (image === null) {
    into.gap(options.project, "self-test", "there is no image for its container");
    return null;
  }
  try {
    const tested = await selfTest(deps, image);
    for (const place of tested.missed) into.gap("self-test", place, "what was planted there was not found");
    into.gaps.push(...tested.gaps);
    return tested;
  } catch (thrown) {
    into.gap("self-test", "all of it", toSidecryptError(thrown).message);
    return null;
  }
}

async function besides(
  { docker }: VerifyDeps,
  { beside, project }: VerifyOptions,
  { ours, others, volumes }: StackEvidence,
  view: BesideView | null,
  into: Sightings,
): Promise<Finding[]> {
  if (beside === null || view === null) {
    into.gap(project, "drops", "only a verify inside the sidecar's container sees them");
    return [];
  }
  const sidecar = { id: beside.self.id, service: beside.self.service };
  try {
    return await besideFindings(docker, beside, view, { ours, others, volumes, sidecar }, into);
  } catch (thrown) {
    into.gap(project, "drops", faultOf(thrown, project).message);
    return [];
  }
}

async function around(
  { docker, evidence }: VerifyDeps,
  options: VerifyOptions,
  stack: StackEvidence,
  view: BesideView | null,
  into: Sightings,
): Promise<Finding[]> {
  const { ours, others } = stack;
  try {
    const [info, version, listed] = await Promise.all([evidence.info(), evidence.version(), evidence.volumes()]);
    const sidecar = sidecarIn(stack, options);
    const volumes = new Map(listed.map((raw) => [String(raw["Name"]), raw]));
    const sockets = await socketsBeside({ docker, dockerRoot: rootOf(info), into }, stack, sidecar);
    const consumers = new Set((view?.plan.consumers ?? []).map(({ service }) => service));
    const own = view?.own ?? null;
    return surroundingFindings({ info, version, ours, others, sidecar, consumers, own, volumes, sockets });
  } catch (thrown) {
    into.gap(options.project, "engine (docker info)", toSidecryptError(thrown).message);
    return [];
  }
}

function socketsBeside(look: SocketLook, stack: StackEvidence, sidecar: string | null): Promise<SeenSockets> {
  const [ours, others] = [stack.ours.map(parseInspect), stack.others.map(parseInspect)];
  const own = ours.find(({ id }) => id === sidecar) ?? null;
  return lookForSockets(look, own, { ours: ours.filter((one) => one !== own), others: others.filter(isUp) });
}

// ---------------------------------------------------------------- report

function reportOf(
  options: VerifyOptions,
  at: string,
  found: readonly Finding[],
  tested: SelfTest | null,
  into: Sightings,
): VerifyReport {
  const { searcher } = into;
  const [unchecked, weak] = [once(searcher.unchecked), once(searcher.weak)];
  const findings = (options.strict ? strictly(found, unchecked) : found).toSorted(byWeight);
  const hide = hider(searcher);
  return {
    version: options.version,
    project: options.project,
    at,
    verdict: verdictOf(findings, into.gaps, tested),
    findings: hide(findings),
    gaps: hide(into.gaps),
    limits: hide(into.limits),
    unchecked,
    weak,
    selfTest: tested,
    looked: {
      secrets: new Set(options.needles.map(({ name }) => name)).size,
      containers: into.counted("containers"),
      images: into.counted("images"),
      volumes: into.counted("volumes"),
      networks: into.counted("networks"),
      events: into.counted("events"),
      processes: into.counted("processes"),
      files: into.counted("files"),
      logBytes: into.counted("logBytes"),
    },
  };
}

const WEIGHT = ["leak", "misconfigured", "warning", "declared"] as const;
const byWeight = (a: Finding, b: Finding): number => WEIGHT.indexOf(a.severity) - WEIGHT.indexOf(b.severity);

function strictly(findings: readonly Finding[], unchecked: readonly Unchecked[]): Finding[] {
  const weak = unchecked.map(({ name, why }) =>
    finding(
      { rule: "weak-value", subject: name },
      `${name} cannot be searched for: ${why}`,
      "it is no secret: move it out of the bundle",
    ),
  );
  const raised = findings.map((one) =>
    one.severity === "warning" ? { ...one, severity: "misconfigured" as const } : one,
  );
  return [...raised, ...weak];
}

/** A value and what `ps` prints of it are two needles of one name. */
const once = (rows: readonly Unchecked[]): Unchecked[] => [...new Map(rows.map((row) => [row.name, row])).values()];

function withPrinted(needles: readonly Needle[]): Needle[] {
  const all = needles.flatMap(({ name, value }) => {
    const printed = asPrinted(value);
    return printed === null
      ? [{ name, value }]
      : [
          { name, value },
          { name, value: printed },
        ];
  });
  return [...new Map(all.map((one) => [`${one.name} ${Buffer.from(one.value).toString("latin1")}`, one])).values()];
}

/** From elsewhere: the one that has both the engine's socket and a key where the sidecar has its own. */
function sidecarIn({ ours }: StackEvidence, { beside, keyFiles }: VerifyOptions): string | null {
  if (beside !== null) return beside.self.id;
  const found = ours
    .map(parseInspect)
    .filter(({ mounts }) => mounts.some((one) => one.source.endsWith(".sock")))
    .find(({ mounts }) => mounts.some((one) => keyFiles.includes(one.destination)));
  return found?.id ?? null;
}
