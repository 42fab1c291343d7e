/**
 * What moves together, and whether it may. Takes the evaluation against the present bundle; returns groups with a
 * verdict each. A group is a unit before anybody asked whether it may roll: it also holds the refused consumers whose
 * state nobody can tell.
 */
import type { Quarantine } from "../types.ts";
import { namesOf } from "./changes.ts";
import type { Evaluation } from "./evaluate.ts";
import { listOf } from "./faults.ts";
import { components, reached, type Graph } from "./graph.ts";
import type { Member } from "./member.ts";
import type { Stack } from "./stack.ts";

export interface Group {
  readonly members: readonly Member[];
  /** Refused services that would move with them, for all that is known. */
  readonly refused: readonly string[];
  readonly volumes: ReadonlySet<string>;
}

export interface Verdict {
  readonly kind: "go" | "refused" | "quarantined" | "held";
  readonly group: Group;
  readonly reason: string;
}

/** Joined by a drop, or along the order of services, directly or through services that do not move (DESIGN.md rule 7). */
export function groupsOf(
  graph: Graph,
  members: readonly Member[],
  refused: ReadonlyMap<string, string | null>,
): Group[] {
  const moving = new Map(members.map((one) => [one.consumer.service, one]));
  const volumes = new Map([...moving].map(([service, one]): [string, string | null] => [service, one.drop.volume]));
  for (const [service, volume] of refused) volumes.set(service, volume);
  const nodes = new Set(volumes.keys());
  const joined = (service: string): string[] => {
    const volume = volumes.get(service);
    const sharing = [...nodes].filter((other) => volume !== null && volumes.get(other) === volume);
    return [...sharing, ...reached(graph, service, nodes)];
  };
  return components(nodes, joined).map((services) => ({
    members: services.flatMap((service) => moving.get(service) ?? []),
    refused: services.filter((service) => refused.has(service)),
    volumes: new Set(services.flatMap((service) => volumes.get(service) ?? [])),
  }));
}

/**
 * Refused services with their drops, where those are known. What they asked for is not, so each counts as moving; but
 * services that wait for each other are understood, and refused only when they move.
 */
export function refusedIn(
  stack: Stack,
  { faults }: Evaluation,
  members: readonly Member[],
): Map<string, string | null> {
  const known = new Map(stack.requests.map(({ service, drop }) => [service, drop.volume]));
  const moving = members.filter((one) => one.changing).map((one) => one.consumer.service);
  const circling = moving.filter((service) => stack.cycles.has(service));
  const refused = new Map<string, string | null>([...stack.broken].map(([service, { volume }]) => [service, volume]));
  for (const service of [...faults.keys(), ...circling]) refused.set(service, known.get(service) ?? null);
  return refused;
}

export function judge(groups: readonly Group[], { drops }: Evaluation, quarantine: readonly Quarantine[]): Verdict[] {
  const wanted = new Map([...drops].map(([volume, { generation }]) => [volume, generation?.id]));
  const failing = (group: Group): Quarantine | undefined =>
    quarantine.find(({ generations }) => {
      const set = Object.entries(generations);
      return (
        set.some(([volume]) => group.volumes.has(volume)) && set.every(([volume, id]) => wanted.get(volume) === id)
      );
    });
  const inForce = quarantine.filter((entry) =>
    groups.some((group) => group.members.length > 0 && failing(group) === entry),
  );
  return groups.map((group): Verdict => {
    if (group.refused.length > 0) return { kind: "refused", group, reason: "" };
    const failed = failing(group);
    if (failed !== undefined) return { kind: "quarantined", group, reason: failed.reason };
    const reason = unreachable(group) ?? heldBy(group, inForce);
    return reason === null ? { kind: "go", group, reason: "" } : { kind: "held", group, reason };
  });
}

/** A server that keeps its password elsewhere would, started later, still have the old one beside the new file. */
function unreachable({ members }: Group): string | null {
  const silent = members.find(
    ({ consumer, changes, fresh }) =>
      consumer.onChange.kind === "exec" &&
      !fresh &&
      namesOf(changes).length > 0 &&
      consumer.containers.length > 0 &&
      !consumer.containers.some((one) => one.state === "running"),
  );
  if (silent === undefined) return null;
  return `${silent.consumer.service} does not run, and the command of its sidecrypt.on-change needs it: start it first`;
}

/** One bad key stops at the first bot. */
function heldBy(group: Group, inForce: readonly Quarantine[]): string | null {
  const names = new Set(group.members.flatMap((member) => namesOf(member.changes)));
  for (const entry of inForce) {
    const shared = entry.names.filter((name) => names.has(name));
    if (shared.length > 0)
      return `${listOf(shared)} also changed for ${listOf(entry.services)}, which failed: ${entry.reason}`;
  }
  return null;
}
