/** A plan as plain data for machines: what it says, without the bytes of a single file. */
import type { Consumer, DeliverStep, Generation, Plan, RefreshStep, RollStep, Unit } from "../types.ts";

export type PlanJson = ReturnType<typeof planToJson>;

export function planToJson(plan: Plan) {
  return {
    deliveries: plan.deliveries.map(deliveryToJson),
    refreshes: plan.refreshes.map((step) => ({ ...stepToJson(step), generation: generationToJson(step.generation) })),
    units: plan.units.map(unitToJson),
    held: plan.held,
    refusals: plan.refusals.map(({ services, fault }) => ({ services, ...fault, hint: fault.hint ?? null })),
    warnings: plan.warnings,
    consumers: plan.consumers.map(consumerToJson),
  };
}

function unitToJson({ steps, followers, deliveries, names }: Unit) {
  return {
    names,
    deliveries: deliveries.map(deliveryToJson),
    steps: steps.map(stepToJson),
    followers: followers.map(({ proving, container, how, wave, cause }) => {
      return { service: proving.service, container: container.name, how, wave, cause };
    }),
  };
}

function deliveryToJson({ generation, adopt, cause }: DeliverStep) {
  return { generation: generationToJson(generation), adopt: adopt.map((entry) => entry.container), cause };
}

function generationToJson({ volume, id, files, bundleDigest }: Generation) {
  return { volume, id, files: [...files.keys()].toSorted(), bundleDigest };
}

function stepToJson({ consumer, containers, wave, cause }: RollStep | RefreshStep) {
  return { service: consumer.service, containers: containers.map((container) => container.name), wave, cause };
}

function consumerToJson(consumer: Consumer) {
  const {
    service,
    volume,
    containers,
    after,
    onChange,
    healthTimeout,
    settle,
    order,
    onFailure,
    unproven,
    asks,
    templates,
  } = consumer;
  return {
    service,
    volume,
    containers: containers.map((container) => container.name),
    after,
    onChange,
    healthTimeout,
    settle,
    order,
    onFailure,
    unproven,
    templates,
    // A list, not an object: a name may be `__proto__`.
    asks: [...asks].map(([file, name]) => ({ file, name })),
  };
}
