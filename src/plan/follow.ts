/**
 * Who cannot stay as it is while others are replaced: containers that live in their namespaces (H34), have their volumes
 * (H20), or say `restart: true` in depends_on (H38). Pure.
 */
import { isUp } from "../container-state.ts";
import type { Consumer, FollowStep, ObservedContainer, Proving, RollStep } from "../types.ts";
import { listOf } from "./faults.ts";
import { waves } from "./graph.ts";
import { dependenciesOf, type Stack } from "./stack.ts";

/** A step of the unit before its place is known. */
export type Moving = Pick<RollStep, "consumer" | "containers" | "cause">;

type Motion = "recreate" | "restart";

/** Milliseconds: it asks for nothing, so it only has to stay up. */
const STRANGER_SETTLE = 2_000;

/** What proves a container that is not a consumer. */
export const strangerOf = (service: string): Proving => ({
  service,
  probe: null,
  healthTimeout: null,
  settle: STRANGER_SETTLE,
});

export const byWave = (a: { readonly wave: number }, b: { readonly wave: number }): number => a.wave - b.wave;

export function withFollowers(
  stack: Stack,
  consumers: ReadonlyMap<string, Consumer>,
  moving: readonly Moving[],
): { readonly steps: RollStep[]; readonly followers: FollowStep[] } {
  const motions = motionsIn(stack, moving);
  const inUnit = new Set(moving.flatMap((step) => step.containers.map((one) => one.id)));
  const following = stack.containers.filter((one) => motions.has(one.id) && !inUnit.has(one.id));
  const services = new Set([...moving.map((step) => step.consumer.service), ...following.map((one) => one.service)]);
  const levels = waves(stack.graph, services);
  const followsOf = (container: ObservedContainer): Reasons => reasonsFor(stack, motions, container);
  const steps = moving.map((step): RollStep => {
    const { service } = step.consumer;
    const own = step.containers.map(followsOf);
    const follows = [...new Set(own.flatMap((one) => [...one.owners, ...one.dependencies]))];
    return { ...step, consumer: raised(step, motions), wave: levels.get(service) ?? 0, follows };
  });
  return {
    steps: steps.toSorted((a, b) => byWave(a, b) || (a.consumer.service < b.consumer.service ? -1 : 1)),
    followers: following
      .map((container): FollowStep => {
        const { owners, dependencies } = followsOf(container);
        return {
          proving: consumers.get(container.service) ?? strangerOf(container.service),
          container,
          how: motions.get(container.id) === "recreate" ? "rejoin" : "restart",
          follows: [...new Set([...owners, ...dependencies])],
          wave: levels.get(container.service) ?? 0,
          cause:
            owners.length > 0
              ? `it shares namespaces or volumes of ${listOf(owners)}`
              : `it depends on ${listOf(dependencies)} with restart: true`,
        };
      })
      .toSorted((a, b) => byWave(a, b) || (a.container.name < b.container.name ? -1 : 1)),
  };
}

/** By container id, grown until nobody is added: a child's own children follow as well. */
function motionsIn(stack: Stack, moving: readonly Moving[]): Map<string, Motion> {
  const motions = new Map<string, Motion>();
  for (const { consumer, containers } of moving) {
    const { kind } = consumer.onChange;
    if (kind === "recreate" || kind === "restart") for (const { id } of containers) motions.set(id, kind);
  }
  for (let grown = true; grown;) {
    grown = false;
    for (const container of stack.containers) {
      const motion = motionFor(stack, motions, container);
      if (motion === null || motions.get(container.id) === motion || motions.get(container.id) === "recreate") continue;
      motions.set(container.id, motion);
      grown = true;
    }
  }
  return motions;
}

function motionFor(stack: Stack, motions: ReadonlyMap<string, Motion>, container: ObservedContainer): Motion | null {
  // To go on with it paused is not ours to decide: the preflight says so where it would lose its namespaces.
  if (container.state === "paused") return null;
  const owners = container.namespacesOf.map((id) => motions.get(id));
  const sources = container.volumesOf.map((id) => motions.get(id));
  if ([...owners, ...sources].includes("recreate")) return "recreate";
  if (!isUp(container)) return null;
  const { dependencies } = reasonsFor(stack, motions, container);
  return owners.includes("restart") || dependencies.length > 0 ? "restart" : null;
}

interface Reasons {
  /** Services whose namespaces or volumes it has. */
  readonly owners: readonly string[];
  /** Services that it depends on with `restart: true`. */
  readonly dependencies: readonly string[];
}

function reasonsFor(
  { containers }: Stack,
  motions: ReadonlyMap<string, Motion>,
  container: ObservedContainer,
): Reasons {
  const others = containers.filter((one) => motions.has(one.id) && one.service !== container.service);
  const joined = new Set([...container.namespacesOf, ...container.volumesOf]);
  const bound = new Set(dependenciesOf(container).flatMap((one) => (one.restart ? one.service : [])));
  const servicesOf = (list: readonly ObservedContainer[]): string[] => [...new Set(list.map((one) => one.service))];
  return {
    owners: servicesOf(others.filter((one) => joined.has(one.id))),
    dependencies: servicesOf(others.filter((one) => bound.has(one.service))),
  };
}

/** A consumer that only takes a signal cannot stay where its namespaces go. */
function raised({ consumer, containers }: Moving, motions: ReadonlyMap<string, Motion>): Consumer {
  const needed = containers.map((one) => motions.get(one.id));
  const kind = needed.includes("recreate") ? "recreate" : needed.includes("restart") ? "restart" : null;
  return kind === null || kind === consumer.onChange.kind ? consumer : { ...consumer, onChange: { kind } };
}
