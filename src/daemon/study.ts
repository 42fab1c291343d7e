/**
 * What a roll will want to know of its containers and takes long to tell, asked for while nothing is to be done.
 * The engine holds a container's lock meanwhile, and a look would wait for it: so only when all has been quiet.
 */
import { isUp } from "../container-state.ts";
import type { Clock } from "../clock.ts";
import type { DockerPort } from "../docker/port.ts";
import type { KnownLayers } from "../roll/known-layers.ts";
import type { Plan } from "../types.ts";

/** Milliseconds. What follows an event, or a change of a bundle, comes sooner. */
const QUIET = 10_000;

/**
 * One at a time, until `signal` aborts. Never throws: what is not known is read when it is needed.
 * @param quietSince when something happened last, in milliseconds since the epoch: a poll that finds nothing does not count
 */
export async function study(
  { docker, layers, clock }: { readonly docker: DockerPort; readonly layers: KnownLayers; readonly clock: Clock },
  { consumers }: Pick<Plan, "consumers">,
  quietSince: number,
  signal: AbortSignal,
): Promise<void> {
  const copied = consumers.filter(({ onChange }) => onChange.kind === "recreate");
  const due = copied.flatMap(({ containers }) => containers.filter(isUp));
  layers.keepOnly(new Set(due.map(({ id }) => id)));
  const unknown = due.filter((seen) => layers.of(seen) === null);
  if (unknown.length === 0) return;
  await clock.sleep(Math.max(0, quietSince + QUIET - clock.now()), signal);
  for (const seen of unknown) {
    if (signal.aborted) return;
    try {
      const container = await docker.inspect(seen.id);
      if (container !== null) await layers.read(docker, container);
    } catch {
      return;
    }
  }
}
