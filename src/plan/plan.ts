/**
 * Opened + Observed → Plan. Takes two snapshots and what /state remembers; returns a value; reads no clock, no file and
 * no container. Twice: first against the present bundle, which tells what may not move; then with the drops of those
 * on what was committed last.
 */
import type { Fault, HeldUnit, Plan, Refusal, Warning } from "../types.ts";
import { namesOf } from "./changes.ts";
import { evaluate, type Evaluation, type SourceOf } from "./evaluate.ts";
import { faultOf, listOf, servicesByFault } from "./faults.ts";
import type { PlanInput } from "./input.ts";
import type { Graph } from "./graph.ts";
import { groupsOf, judge, refusedIn, type Group, type Verdict } from "./judge.ts";
import { membersOf, type Member } from "./member.ts";
import { committedSource, presentSource } from "./source.ts";
import { readStack, type Stack } from "./stack.ts";
import { stepsOf } from "./steps.ts";

export function plan(input: PlanInput): Plan {
  const stack = readStack(input.observed);
  const first = evaluate(stack, (...on) => presentSource(input, ...on), input.defaults);
  const candidates = membersOf(first, input.fallback);
  const groups = groupsAmong(stack.graph, candidates, refusedIn(stack, first, candidates));
  // A generation that comes from the bundle committed last is no news: nothing failed on it.
  const verdicts = judge(groups, first, input.opened === null ? [] : input.quarantine);
  const stopped = verdicts.filter((verdict) => verdict.kind !== "go");
  const final = stopped.length === 0 ? first : evaluate(stack, sourceAfter(input, stopped), input.defaults);

  const members = membersOf(final, input.fallback);
  const changing = members.filter((member) => member.changing);
  const moving = groupsOf(stack.graph, changing, new Map());
  const { units, ...steps } = stepsOf(stack, final, members, moving, input.fallback);
  return {
    ...steps,
    units,
    held: stopped.flatMap((verdict) => heldUnit(verdict, first)),
    refusals: refusalsOf(stack, stopped, first, final),
    warnings: [
      ...stack.warnings,
      ...pausedWarnings(members),
      ...orderWarnings(moving),
      ...(input.opened?.warnings ?? []),
    ],
    consumers: [...final.consumers.values()].toSorted((a, b) => (a.service < b.service ? -1 : 1)),
  };
}

function sourceAfter(input: PlanInput, stopped: readonly Verdict[]): SourceOf {
  return (drop, requests) => {
    const verdict = stopped.find(({ group }) => group.volumes.has(drop.volume));
    if (verdict === undefined) return presentSource(input, drop, requests);
    // A refused unit stays as it is; where its drop was emptied, it stays on what was committed last.
    if (verdict.kind === "refused" && drop.current !== null) {
      return { kind: "frozen", opened: input.opened ?? input.fallback.get(drop.volume) ?? null };
    }
    return committedSource(input.fallback, drop, requests, [...verdict.group.volumes].toSorted());
  };
}

/**
 * A drop that has nothing to stay on gets what there is, whoever is refused beside it: it joins others as little as it
 * will once it is delivered.
 */
function groupsAmong(graph: Graph, members: readonly Member[], refused: ReadonlyMap<string, string | null>): Group[] {
  const joining = members.filter((member) => member.changing || member.fresh);
  return groupsOf(graph, joining, refused).flatMap((group) => {
    if (group.refused.length === 0) return [group];
    const beside = new Map([...refused].filter(([service]) => group.refused.includes(service)));
    return groupsOf(
      graph,
      group.members.filter((member) => !member.fresh),
      beside,
    );
  });
}

// ---------------------------------------------------------------- what does not move

function heldUnit({ kind, group, reason }: Verdict, first: Evaluation): HeldUnit[] {
  if (kind === "go" || kind === "refused") return [];
  const ids = [...group.volumes]
    .toSorted()
    .map((volume) => [volume, first.drops.get(volume)?.generation?.id ?? ""] as const);
  return [{ kind, services: servicesOn(first, group.volumes), generations: Object.fromEntries(ids), reason }];
}

/** Also those that share a drop without being affected: what stands there is not what the present bundle has. */
function servicesOn({ drops }: Evaluation, volumes: Iterable<string>): string[] {
  return [...volumes].flatMap((volume) => drops.get(volume)?.requests.map(({ service }) => service) ?? []).toSorted();
}

function refusalsOf(stack: Stack, stopped: readonly Verdict[], first: Evaluation, final: Evaluation): Refusal[] {
  const faults = new Map<string, Fault>([...stack.cycles, ...first.faults]);
  for (const [service, { fault }] of stack.broken) faults.set(service, fault);
  for (const { kind, group } of stopped) {
    if (kind === "refused")
      for (const [service, fault] of withheld(group, faults, first, final)) faults.set(service, fault);
  }
  for (const [service, fault] of final.faults) if (!faults.has(service)) faults.set(service, fault);
  return [...servicesByFault(faults)]
    .map(([fault, services]) => ({ services, fault }))
    .toSorted((a, b) => (listOf(a.services) < listOf(b.services) ? -1 : 1));
}

/** Those that get less than the present bundle has for them, because of the ones refused beside them. */
function withheld(group: Group, faults: ReadonlyMap<string, Fault>, first: Evaluation, final: Evaluation) {
  const idOn = (evaluation: Evaluation, volume: string) => evaluation.drops.get(volume)?.generation?.id;
  const behind = [...group.volumes].filter((volume) => idOn(first, volume) !== idOn(final, volume));
  const services = servicesOn(first, behind).filter((service) => !faults.has(service));
  const culprit = group.refused[0] ?? "";
  const code = faults.get(culprit)?.code ?? "label-invalid";
  const message = `${listOf(services)} would change together with ${listOf(group.refused)}, which is refused`;
  const fault = faultOf(code, culprit, message, `mend ${listOf(group.refused)} first`);
  return services.map((service) => [service, fault] as const);
}

// ---------------------------------------------------------------- warnings

function pausedWarnings(members: readonly Member[]): Warning[] {
  const paused = members.flatMap((member) => member.paused);
  return paused.map(({ name, service }) => ({
    subject: service,
    message: `${name} is paused: its files are delivered, and it gets them once it is unpaused`,
  }));
}

/** Two bots with one exchange key are fine; a server and a client that nothing orders are not. */
function orderWarnings(groups: readonly Group[]): Warning[] {
  const rolling = groups.filter(({ members }) => members.some((one) => one.how === "roll" && one.stale.length > 0));
  const services = new Map<string, string[][]>();
  for (const { members } of rolling) {
    const changed = members.filter((one) => one.drop.current !== null);
    for (const name of new Set(changed.flatMap((one) => namesOf(one.changes)))) {
      const sharing = changed.filter((one) => namesOf(one.changes).includes(name)).map((one) => one.consumer.service);
      services.set(name, [...(services.get(name) ?? []), sharing]);
    }
  }
  return [...services]
    .filter(([, units]) => units.length > 1)
    .map(([name, units]) => unordered(name, units.flat()))
    .toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
}

function unordered(name: string, services: readonly string[]): Warning {
  const message = `it changed for ${listOf(services)}, which nothing orders: if one serves another, say so with depends_on or sidecrypt.after`;
  return { subject: name, message };
}
