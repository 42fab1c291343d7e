/** Members and groups that may move → the steps of the plan, in an order that does not depend on the snapshot's. */
import type { DeliverStep, ObservedContainer, ObservedDrop, Opened, RefreshStep, Unit } from "../types.ts";
import { isUp } from "../container-state.ts";
import { changesFor, changesText, namesOf } from "./changes.ts";
import type { DropWant, Evaluation } from "./evaluate.ts";
import { waves } from "./graph.ts";
import { byWave, type Moving, withFollowers } from "./follow.ts";
import type { Group } from "./judge.ts";
import type { Member } from "./member.ts";
import { committedOn } from "./member.ts";
import type { Stack } from "./stack.ts";

export interface Steps {
  readonly deliveries: readonly DeliverStep[];
  readonly refreshes: readonly RefreshStep[];
  readonly units: readonly Unit[];
}

export function stepsOf(
  stack: Stack,
  evaluation: Evaluation,
  members: readonly Member[],
  groups: readonly Group[],
  fallback: ReadonlyMap<string, Opened>,
): Steps {
  const deliveries = new Map(
    [...evaluation.drops].flatMap(([volume, want]): [string, DeliverStep][] => {
      const step = deliverStep(want, members, fallback);
      return step === null ? [] : [[volume, step]];
    }),
  );
  const units = groups.flatMap((group) => unitOf(stack, evaluation, group, deliveries) ?? []);
  const rolled = new Set(units.flatMap((unit) => unit.deliveries.map((step) => step.generation.volume)));
  return {
    deliveries: sortedDeliveries([...deliveries.values()].filter((step) => !rolled.has(step.generation.volume))),
    refreshes: refreshesOf(stack, members, fallback),
    units,
  };
}

function sortedDeliveries(steps: readonly DeliverStep[]): DeliverStep[] {
  return steps.toSorted((a, b) => (a.generation.volume < b.generation.volume ? -1 : 1));
}

// ---------------------------------------------------------------- deliveries

function deliverStep(want: DropWant, members: readonly Member[], fallback: ReadonlyMap<string, Opened>) {
  const { drop, generation } = want;
  if (generation === null || generation.id === drop.current?.id) return null;
  const adopt = members.filter((member) => member.drop.volume === drop.volume).flatMap((member) => member.adopt);
  const byContainer = adopt.toSorted((a, b) => (a.container < b.container ? -1 : 1));
  return { generation, adopt: byContainer, cause: deliverCause(want, fallback) };
}

function deliverCause(
  { drop, generation, requests, asksOf, templates }: DropWant,
  fallback: ReadonlyMap<string, Opened>,
): string {
  const { current, volume } = drop;
  if (current === null) return fallback.has(volume) ? "it was emptied" : "first delivery";
  if (generation?.id === drop.previous?.id) return "back to what was committed last";
  const after = generation?.files ?? new Map<string, Uint8Array>();
  const labels = requests.flatMap(({ asking }) => asking.map((one) => one.labels));
  const asks = new Map(labels.flatMap((one) => [...asksOf(one)]));
  const changes = changesFor({ asks, labels, templates }, current.files, after);
  if (namesOf(changes).length > 0) return changesText(changes);
  const gone = new Set([...current.files.keys()].filter((file) => !after.has(file)));
  return changesText({ ...changes, removed: gone }) || "the same in other files";
}

// ---------------------------------------------------------------- units

/** Null: nothing in it runs, so its files are delivered and nothing is proven. */
function unitOf(
  stack: Stack,
  { consumers }: Evaluation,
  group: Group,
  deliveries: ReadonlyMap<string, DeliverStep>,
): Unit | null {
  const rolling = group.members.filter((member) => member.how === "roll" && member.stale.length > 0);
  if (rolling.length === 0) return null;
  // An emptied drop has nothing to go back to and is waited for: it is delivered outside of any unit.
  const members = group.members.filter((member) => member.drop.current !== null && member.how === "roll");
  const volumes = [...new Set(members.map((member) => member.drop.volume))].toSorted();
  return {
    ...withFollowers(stack, consumers, rolling.map(rollStep)),
    deliveries: volumes.flatMap((volume) => deliveries.get(volume) ?? []),
    names: [...new Set(members.flatMap((member) => namesOf(member.changes)))].toSorted(),
    generations: Object.fromEntries(members.map((member) => [member.drop.volume, member.wanted.id])),
  };
}

function rollStep({ consumer, stale, changes, drop }: Member): Moving {
  return { consumer, containers: stale, cause: changesText(changes) || startedTooEarly(drop) };
}

function startedTooEarly(drop: ObservedDrop): string {
  return committedOn(drop) === null ? "it started on an empty drop" : "it started before its files were delivered";
}

// ---------------------------------------------------------------- refreshes

function refreshesOf(
  { graph, containers }: Stack,
  members: readonly Member[],
  fallback: ReadonlyMap<string, Opened>,
): RefreshStep[] {
  const refreshing = members.filter((member) => member.how === "refresh" && member.stale.length > 0);
  const restarted = new Set(refreshing.flatMap((member) => member.stale.map((one) => one.id)));
  const childrenOf = (parents: readonly ObservedContainer[]): ObservedContainer[] =>
    containers.filter(
      (one) => isUp(one) && !restarted.has(one.id) && parents.some(({ id }) => one.namespacesOf.includes(id)),
    );
  const levels = waves(graph, new Set(refreshing.map((member) => member.consumer.service)));
  return refreshing
    .map(({ consumer, stale, wanted, drop }) => ({
      consumer,
      containers: stale,
      children: childrenOf(stale),
      generation: wanted,
      wave: levels.get(consumer.service) ?? 0,
      cause: drop.current === null && fallback.has(drop.volume) ? "its drop was emptied" : startedTooEarly(drop),
    }))
    .toSorted((a, b) => byWave(a, b) || (a.consumer.service < b.consumer.service ? -1 : 1));
}
