/** Who lives in another container's namespaces, or on its volumes (H20, H34). Pure. */
import type { Inspected } from "../docker/port.ts";
import { asList } from "./json.ts";

/** Container id to the id of the one that has taken its place. */
export type Replaced = ReadonlyMap<string, string>;

const PREFIX = "container:";
const SHORT = 12;

export const MODES = ["NetworkMode", "PidMode", "IpcMode"] as const;

/** Null: it was not replaced. */
export function successor(reference: string, replaced: Replaced): string | null {
  const exact = replaced.get(reference);
  if (exact !== undefined) return exact;
  if (reference.length < SHORT) return null;
  return [...replaced].find(([id]) => id.startsWith(reference))?.[1] ?? null;
}

export function isRewritten(mode: unknown, replaced: Replaced): boolean {
  return rewriteMode(mode, replaced) !== mode;
}

/** `container:<id>` of NetworkMode, PidMode or IpcMode. */
export function rewriteMode(mode: unknown, replaced: Replaced): unknown {
  if (typeof mode !== "string" || !mode.startsWith(PREFIX)) return mode;
  const next = successor(mode.slice(PREFIX.length), replaced);
  return next === null ? mode : `${PREFIX}${next}`;
}

/** `<id>` or `<id>:ro`; a name goes to the successor by itself, which has it by then. */
export function rewriteVolumesFrom(sources: unknown, replaced: Replaced): string[] {
  return asList(sources).map((source) => {
    const [reference = "", ...flags] = source.split(":");
    return [successor(reference, replaced) ?? reference, ...flags].join(":");
  });
}

/** What VolumesFrom names: ids, or names as somebody wrote them. */
export function volumeSources(container: Pick<Inspected, "hostConfig">): string[] {
  return asList(container.hostConfig["VolumesFrom"]).map((source) => source.split(":")[0] ?? "");
}

/** The containers whose namespaces it lives in. */
export function namespaceParents(container: Pick<Inspected, "hostConfig">): string[] {
  const modes = MODES.map((key) => String(container.hostConfig[key]));
  return modes.filter((mode) => mode.startsWith(PREFIX)).map((mode) => mode.slice(PREFIX.length));
}

/** Of a container, as much as tells whom it shares with. */
export type Shares = Pick<Inspected, "id" | "name" | "hostConfig">;
type Named = Pick<Inspected, "id" | "name">;

export function joinsNamespaceOf(other: Shares, parent: Named): boolean {
  return namespaceParents(other).includes(parent.id) || volumeSources(other).some((source) => isNamed(parent, source));
}

/** By a link of the default bridge, which is bound to the container and not to its name (H27). */
export function linksTo(other: Shares, target: Named): boolean {
  return asList(other.hostConfig["Links"]).some((link) => isNamed(target, (link.split(":")[0] ?? "").slice(1)));
}

function isNamed(container: Named, reference: string): boolean {
  if (reference === container.name || reference === container.id) return true;
  return reference.length >= SHORT && container.id.startsWith(reference);
}
