/**
 * What the replacements of a plan would lose, as warnings beside it. The plan itself is pure; this asks the engine, and
 * only about containers that would be replaced now, so that an idle look costs nothing.
 */
import type { DockerPort } from "../docker/port.ts";
import { lossesOf } from "../roll/warnings.ts";
import type { Plan, Unit, Warning } from "../types.ts";

export async function warningsOf(docker: DockerPort, units: readonly Unit[]): Promise<Warning[]> {
  const replaced = units
    .flatMap((unit) => unit.steps)
    .filter(({ consumer }) => consumer.onChange.kind === "recreate")
    .flatMap(({ consumer, containers }) => containers.map(({ id }) => ({ subject: consumer.service, id })));
  const found = await Promise.all(
    replaced.map(async ({ subject, id }) => {
      const container = await docker.inspect(id);
      if (container === null) return [];
      return (await lossesOf(docker, container)).map((message) => ({ subject, message }));
    }),
  );
  return found.flat();
}

export async function withLosses(docker: DockerPort, made: Plan): Promise<Plan> {
  return { ...made, warnings: [...made.warnings, ...(await warningsOf(docker, made.units))] };
}
