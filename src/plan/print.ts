/** A plan as text for people: names, services and causes, never a value. */
import type {
  Consumer,
  DeliverStep,
  Fault,
  FollowStep,
  ObservedContainer,
  Plan,
  RefreshStep,
  RollStep,
  Unit,
} from "../types.ts";
import { listOf } from "./faults.ts";
import { byWave } from "./follow.ts";

export function printPlan(plan: Plan): string {
  const steps = [
    ...plan.deliveries.map(printDelivery),
    ...plan.refreshes.map(printRefresh),
    ...plan.units.flatMap(printUnit),
  ];
  const lines = [
    ...(steps.length === 0 ? ["nothing to do"] : steps),
    ...plan.held.map(({ kind, services, reason }) => `${kind} ${listOf(services)}: ${reason}`),
    ...plan.refusals.flatMap(({ services, fault }) => printFault(services, fault)),
    ...plan.warnings.map(({ subject, message }) => `warning ${subject}: ${message}`),
  ];
  return `${lines.join("\n")}\n`;
}

function printDelivery({ generation, cause }: DeliverStep): string {
  return `deliver ${generation.volume}: ${cause}`;
}

function printRefresh({ consumer, containers, children, cause }: RefreshStep): string {
  const after = children.length === 0 ? "" : `, and then ${namesOf(children)} in its namespaces`;
  return `restart ${consumer.service} (${namesOf(containers)})${after}: ${cause}`;
}

/** Equal numbers go together. */
function printUnit(unit: Unit): string[] {
  const services = unit.steps.map((step) => step.consumer.service);
  return [
    `unit ${listOf(services)}:`,
    ...unit.deliveries.map((step) => `  ${printDelivery(step)}`),
    ...[...unit.steps.map(rowOf), ...unit.followers.map(followerRow)].toSorted(byWave).map(({ text }) => text),
  ];
}

interface Row {
  readonly wave: number;
  readonly text: string;
}

const rowOf = (step: RollStep): Row => ({ wave: step.wave, text: `  ${step.wave + 1}. ${printRoll(step)}` });

function followerRow({ proving, container, how, wave, cause }: FollowStep): Row {
  const verb = how === "rejoin" ? "recreate" : "restart";
  return { wave, text: `  ${wave + 1}. ${verb} ${proving.service} (${container.name}): ${cause}` };
}

function printRoll({ consumer, containers, cause }: RollStep): string {
  const proof = consumer.unproven ? " (unproven: neither healthcheck nor probe)" : "";
  return `${verbOf(consumer)} ${consumer.service} (${namesOf(containers)}): ${cause}${proof}`;
}

function verbOf({ onChange }: Consumer): string {
  if (onChange.kind === "signal") return `signal ${onChange.signal} to`;
  // The command is the operator's own text, and long.
  return onChange.kind === "exec" ? "run the command in" : onChange.kind;
}

function printFault(services: readonly string[], { code, message, hint }: Fault): string[] {
  const hints = hint === undefined ? [] : hint.split("\n").map((line) => `  ${line}`);
  return [`refused ${listOf(services)}: ${message} [${code}]`, ...hints];
}

function namesOf(containers: readonly ObservedContainer[]): string {
  return listOf(containers.map((container) => container.name));
}
