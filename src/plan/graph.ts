/** Services and what they come after. Small graphs: a stack has tens of services, so nothing here is clever. */

/** Service to the services that must come first. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The members of `stops` that come first for `from`: directly, or through services outside `stops`. */
export function reached(graph: Graph, from: string, stops: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  const visited = new Set([from]);
  const open = [from];
  for (let service = open.pop(); service !== undefined; service = open.pop()) {
    for (const next of graph.get(service) ?? []) {
      if (visited.has(next)) continue;
      visited.add(next);
      if (stops.has(next)) found.add(next);
      else open.push(next);
    }
  }
  return found;
}

/** The services that wait for each other with this one, itself included; empty where there is no cycle. */
export function cycleOf(graph: Graph, service: string): string[] {
  const before = everythingBefore(graph, service);
  if (!before.has(service)) return [];
  return [...before].filter((other) => everythingBefore(graph, other).has(service)).toSorted();
}

function everythingBefore(graph: Graph, service: string): Set<string> {
  const found = new Set<string>();
  const open = [service];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const next of graph.get(from) ?? []) {
      if (!found.has(next)) open.push(next);
      found.add(next);
    }
  }
  return found;
}

/** Topological levels, servers first: 0 waits for nobody among them. Services of a cycle do not wait for each other. */
export function waves(graph: Graph, services: ReadonlySet<string>): Map<string, number> {
  const levels = new Map<string, number>();
  const levelOf = (service: string, path: ReadonlySet<string>): number => {
    const known = levels.get(service);
    if (known !== undefined) return known;
    const inside = new Set([...path, service]);
    const before = [...reached(graph, service, services)].filter((other) => !inside.has(other));
    const level = Math.max(-1, ...before.map((other) => levelOf(other, inside))) + 1;
    levels.set(service, level);
    return level;
  };
  for (const service of [...services].toSorted()) levelOf(service, new Set());
  return levels;
}

/** Groups that `neighbours` joins, each sorted, in order of their first members. */
export function components(nodes: Iterable<string>, neighbours: (node: string) => Iterable<string>): string[][] {
  const parent = new Map([...nodes].toSorted().map((node) => [node, node]));
  const rootOf = (node: string): string => {
    const above = parent.get(node) ?? node;
    return above === node ? node : rootOf(above);
  };
  for (const node of parent.keys()) {
    for (const other of neighbours(node)) {
      const [first = node, second = node] = [rootOf(node), rootOf(other)].toSorted();
      parent.set(second, first);
    }
  }
  const groups = new Map<string, string[]>();
  for (const node of parent.keys()) groups.set(rootOf(node), [...(groups.get(rootOf(node)) ?? []), node]);
  return [...groups.values()];
}
