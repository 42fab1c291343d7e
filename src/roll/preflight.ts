/** All that can be refused is refused before the first file is swapped and the first container is touched. */
import type { RollContext } from "./context.ts";
import { isStopped, membersOf, type Operation } from "./operation.ts";
import { refuseParent, refuseUncopyable } from "./spec.ts";
import { requireServer } from "./member.ts";
import { restartPolicy } from "./record.ts";
import { mustInspect, policyOf } from "./swap.ts";

/**
 * Reads too what the record of the roll is to say of each.
 * @throws SidecryptError `not-supported`, naming the container, and Interrupted where a command finds no server
 */
export async function preflight(ctx: RollContext, operation: Operation): Promise<void> {
  const members = membersOf(operation);
  for (const member of members) await requireServer(ctx, member);
  const stopped = members.filter(isStopped);
  if (stopped.length === 0) return;
  const inUnit = new Set(members.map((member) => member.oldId));
  const others = await ctx.kin.all(ctx.docker);
  for (const member of stopped) {
    const old = await mustInspect(ctx, member.oldId);
    if (member.onChange.kind === "recreate") {
      refuseUncopyable(old, others);
      member.policy = restartPolicy.safeParse(policyOf(old)).data ?? null;
    }
    refuseParent(
      old,
      others.filter((one) => !inUnit.has(one.id)),
    );
  }
}
