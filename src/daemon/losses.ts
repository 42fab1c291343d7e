/**
 * What replacements would lose, as warnings in `sidecrypt plan`: of every consumer, whether or not its turn has come,
 * since afterwards it is too late. The plan itself is pure; this asks the engine, and only when somebody asks for a plan.
 */
import { isUp } from "../container-state.ts";
import type { DockerPort } from "../docker/port.ts";
import { lossesOf } from "../roll/warnings.ts";
import type { Consumer, Plan, Unit, Warning } from "../types.ts";

export async function withLosses(docker: DockerPort, made: Plan): Promise<Plan> {
  const rows = [...made.consumers.filter(isReplaced).flatMap(rowsOf), ...made.units.flatMap(alongIn)];
  const services = new Map(rows.map(({ id, service }) => [id, service]));
  const found = await Promise.all([...services].map(([id, service]) => warningsOf(docker, service, id)));
  return { ...made, warnings: [...made.warnings, ...found.flat()] };
}

interface Row {
  readonly service: string;
  readonly id: string;
}

const isReplaced = ({ onChange }: Pick<Consumer, "onChange">): boolean => onChange.kind === "recreate";

function rowsOf({ service, containers }: Pick<Consumer, "service" | "containers">): Row[] {
  return containers.filter(isUp).map(({ id }) => ({ service, id }));
}

/** What is replaced for another one's sake: it shares with it, whatever its own label says. */
function alongIn({ steps, followers }: Unit): Row[] {
  const raised = steps.filter(({ consumer }) => isReplaced(consumer));
  const rejoining = followers.filter(({ how, container }) => how === "rejoin" && isUp(container));
  return [
    ...raised.flatMap(({ consumer, containers }) => rowsOf({ service: consumer.service, containers })),
    ...rejoining.map(({ proving, container }) => ({ service: proving.service, id: container.id })),
  ];
}

async function warningsOf(docker: DockerPort, subject: string, id: string): Promise<Warning[]> {
  const container = await docker.inspect(id);
  if (container === null) return [];
  return (await lossesOf(docker, container)).map((message) => ({ subject, message }));
}
