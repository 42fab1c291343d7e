/** All that can be refused is refused before the first file is swapped and the first container is touched. */
import { SidecryptError } from "../errors.ts";
import type { Inspected } from "../docker/port.ts";
import type { RollContext } from "./context.ts";
import type { Child } from "./kin.ts";
import { membersOf, type Operation } from "./operation.ts";
import { refuseUncopyable } from "./spec.ts";
import { mustInspect } from "./swap.ts";

/** @throws SidecryptError `not-supported`, naming the container */
export async function preflight(ctx: RollContext, operation: Operation): Promise<void> {
  const members = membersOf(operation);
  const known = new Set(members.map((member) => member.oldId));
  for (const { oldId, onChange } of members) {
    if (onChange.kind !== "recreate" && onChange.kind !== "restart") continue;
    const old = await mustInspect(ctx, oldId);
    if (onChange.kind === "recreate") refuseUncopyable(old);
    const stranger = (await ctx.kin.childrenOf(ctx.docker, old)).find((child) => !known.has(child.id));
    if (stranger !== undefined) refuseParent(old, stranger);
  }
}

/**
 * The unit takes along the children of its own project. Any other one would keep running with only `lo`, and could not
 * start again (H34).
 */
function refuseParent(old: Inspected, { name }: Child): never {
  throw new SidecryptError(
    "not-supported",
    `container ${old.name} cannot be replaced: container ${name} shares its namespaces or volumes and is not a service of this project that runs`,
    `stop and remove ${name}, or set the label sidecrypt.on-change: signal:NAME, exec:CMD or none`,
  );
}
