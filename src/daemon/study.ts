/** What a roll will want to know of its containers and takes long to tell, asked for while nothing is to be done. */
import { isUp } from "../container-state.ts";
import type { DockerPort } from "../docker/port.ts";
import type { KnownLayers } from "../roll/known-layers.ts";
import type { Plan } from "../types.ts";

/** One at a time, until `signal` aborts. Never throws: what is not known is read when it is needed. */
export async function study(
  { docker, layers }: { readonly docker: DockerPort; readonly layers: KnownLayers },
  { consumers }: Pick<Plan, "consumers">,
  signal: AbortSignal,
): Promise<void> {
  const copied = consumers.filter(({ onChange }) => onChange.kind === "recreate");
  const due = copied.flatMap(({ containers }) => containers.filter(isUp));
  layers.keepOnly(new Set(due.map(({ id }) => id)));
  for (const seen of due) {
    if (signal.aborted) return;
    if (layers.of(seen) !== null) continue;
    try {
      const container = await docker.inspect(seen.id);
      if (container !== null) await layers.read(docker, container);
    } catch {
      return;
    }
  }
}
