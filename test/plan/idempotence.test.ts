/** Over random small stacks: what was planned and done is not planned again, and no value is ever told. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plan, planToJson, printPlan, triedIn, type PlanInput } from "../../src/plan/index.ts";
import type { ContainerState, ObservedContainer, Opened, Plan } from "../../src/types.ts";
import { apply, BOOT, bundle, container, emptied, fallbackOf, input, settled, world } from "./builders.ts";

const NAMES = ["A_ONE", "A_TWO", "B_ONE", "B_TWO", "SHARED"];
const SERVICES = ["a", "b", "c", "d", "e"];

/** No value is a part of another text: finding one means that it leaked. */
const value = fc.integer({ min: 0, max: 2 }).map((version) => `hunter${version}hunter`);
/** The last one names what not everyone has. */
const templates = fc
  .constantFrom("{{ SHARED | json }}", '["{{ SHARED | json }}"]', "text", "{{ A_ONE | raw }}")
  .map((text) => new Map([["shared.tpl", Buffer.from(text)]]));
const bundles: fc.Arbitrary<Opened> = fc
  .record(Object.fromEntries(NAMES.map((name) => [name, value])), { requiredKeys: ["SHARED"] })
  .chain((values) => templates.map((one) => bundle(values as Record<string, string>, { templates: one })));

const asked = fc
  .subarray(["A_*?", "B_*?", "A_ONE?", "B_TWO", "SHARED", "!A_TWO"], { minLength: 1 })
  .map((words) => words.join(" "));
const states = fc.constantFrom<ContainerState>(
  "running",
  "running",
  "running",
  "exited",
  "created",
  "paused",
  "restarting",
);
const onChange = fc.constantFrom("recreate", "recreate", "restart", "signal:HUP", "none", "nonsense");

const services: fc.Arbitrary<ObservedContainer[]> = fc
  .tuple(
    ...SERVICES.map((service, index) =>
      fc.record({
        secrets: fc.option(asked, { nil: undefined }),
        state: states,
        onChange,
        format: fc.constantFrom("files", "files", "json", "dotenv files"),
        template: fc.constantFrom(undefined, undefined, "shared.tpl>app.conf"),
        dependsOn: fc.subarray(SERVICES.slice(0, index)),
        volume: fc.constantFrom(`${service}-secrets`, "shared"),
        replicas: fc.integer({ min: 1, max: 2 }),
      }),
    ),
  )
  .map((all) =>
    all.flatMap(({ replicas, onChange: kind, secrets, format, template, ...options }, index) =>
      Array.from({ length: replicas }, (_, number) =>
        container(SERVICES[index]!, {
          ...options,
          ...(secrets === undefined
            ? {}
            : { secrets, labels: { "on-change": kind, format, ...(template === undefined ? {} : { template }) } }),
          with: { number: number + 1 },
        }),
      ),
    ),
  );

const scenario = fc.record({
  services,
  first: bundles,
  second: fc.option(bundles, { nil: null }),
  reboot: fc.boolean(),
  remembered: fc.boolean(),
  failed: fc.boolean(),
});

const steps = ({ deliveries, refreshes, units }: Plan): unknown[] => [...deliveries, ...refreshes, ...units];

function makeInput({
  services: containers,
  first,
  second,
  reboot,
  remembered,
  failed,
}: typeof scenario extends fc.Arbitrary<infer T> ? T : never): PlanInput {
  const before = settled(world(containers), first);
  const fallback = remembered ? fallbackOf(before, first) : new Map<string, Opened>();
  const [unit] = plan(input(before, second, { fallback })).units;
  const quarantine = failed && unit !== undefined ? [{ ...triedIn(unit), reason: "gate failed", at: "" }] : [];
  return input(reboot ? emptied(before) : before, second, { fallback, quarantine });
}

describe("any stack", { timeout: 30_000 }, () => {
  it("needs nothing once a plan was carried out", () => {
    fc.assert(
      fc.property(scenario, (one) => {
        const given = makeInput(one);
        const made = plan(given);
        const after = { ...given, observed: apply(given.observed, made, BOOT + 500_000) };
        expect(steps(plan(after))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("is planned the same in whatever order it is listed", () => {
    fc.assert(
      fc.property(scenario, (one) => {
        const given = makeInput(one);
        const { containers, drops } = given.observed;
        const turned = { ...given.observed, containers: containers.toReversed(), drops: drops.toReversed() };
        expect(printPlan(plan({ ...given, observed: turned }))).toBe(printPlan(plan(given)));
      }),
      { numRuns: 100 },
    );
  });

  it("holds each container and drop once, running ones only, servers first", () => {
    fc.assert(
      fc.property(scenario, (one) => {
        const { deliveries, refreshes, units } = plan(makeInput(one));
        const rolled = [...refreshes, ...units.flatMap((unit) => unit.steps)];
        const ids = rolled.flatMap((step) => step.containers.map(({ id }) => id));
        const volumes = [...deliveries, ...units.flatMap((unit) => unit.deliveries)].map(
          (step) => step.generation.volume,
        );
        expect([new Set(ids).size, new Set(volumes).size]).toEqual([ids.length, volumes.length]);
        for (const { containers } of rolled)
          for (const { state } of containers) expect(state).toMatch(/^r(unn|estart)ing$/);
        for (const group of [refreshes, ...units.map((unit) => unit.steps)]) {
          const waves = new Map(group.map((step) => [step.consumer.service, step.wave]));
          for (const { consumer, wave } of group) {
            for (const server of consumer.after) expect(waves.get(server) ?? -1).toBeLessThan(wave);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it("tells no value", () => {
    fc.assert(
      fc.property(scenario, (one) => {
        const made = plan(makeInput(one));
        for (const told of [printPlan(made), JSON.stringify(planToJson(made))]) {
          expect(told).not.toContain("hunter");
          expect(told).not.toContain(Buffer.from("hunter").toString("hex"));
          expect(told).not.toContain(Buffer.from("hunter").toString("base64").slice(0, 8));
        }
      }),
      { numRuns: 100 },
    );
  });
});
