/**
 * What replacements would lose, as warnings in `sidecrypt plan`: of every consumer, whether or not its turn has come,
 * since afterwards it is too late. The plan itself is pure; this asks the engine, and only when somebody asks for a plan.
 */
import { isUp } from "../container-state.ts";
import type { DockerPort } from "../docker/port.ts";
import { lossesOf } from "../roll/warnings.ts";
import type { Plan, Warning } from "../types.ts";

export async function withLosses(docker: DockerPort, made: Plan): Promise<Plan> {
  const replaced = made.consumers.filter(({ onChange }) => onChange.kind === "recreate");
  const rows = replaced.flatMap(({ service, containers }) =>
    containers.filter(isUp).map(({ id }) => [service, id] as const),
  );
  const found = await Promise.all(rows.map(([service, id]) => warningsOf(docker, service, id)));
  return { ...made, warnings: [...made.warnings, ...found.flat()] };
}

async function warningsOf(docker: DockerPort, subject: string, id: string): Promise<Warning[]> {
  const container = await docker.inspect(id);
  if (container === null) return [];
  return (await lossesOf(docker, container)).map((message) => ({ subject, message }));
}
