/** Files that are made of secrets: lists and templates, who rolls for them, and what is said of it. */
import { describe, expect, it, test } from "vitest";
import { plan, printPlan, templatesAsked } from "../../src/plan/index.ts";
import type { Fault, Opened, Plan } from "../../src/types.ts";
import { bundle, container, drop, emptied, fallbackOf, input, settled, world } from "./builders.ts";

const CONFIG = '{ "key": "{{ API_KEY }}" }';
const VALUES = { BOT1_API_KEY: "one", BOT1_TOKEN: "two", REDIS_PASSWORD: "three" };

const files = (entries: Readonly<Record<string, string | Fault>>): Opened["templates"] =>
  new Map(Object.entries(entries).map(([name, text]) => [name, typeof text === "string" ? Buffer.from(text) : text]));

const opened = (
  values: Readonly<Record<string, string>> = {},
  templates: Readonly<Record<string, string | Fault>> = {},
) =>
  bundle(
    { ...VALUES, ...values },
    { templates: files({ "config.tpl": CONFIG, "redis.tpl": "requirepass {{ REDIS_PASSWORD }}\n", ...templates })! },
  );

const bot = (labels: Readonly<Record<string, string>> = {}) =>
  container("bot1", { secrets: "BOT1_*", labels: { "strip-prefix": "BOT1_", ...labels } });
const redis = container("redis", { secrets: "REDIS_PASSWORD", labels: { template: "redis.tpl>redis.conf" } });

const stack = world([bot({ template: "config.tpl > config.json" }), redis]);
const made = (one: Plan, volume: string): Record<string, string> => {
  const steps = [...one.deliveries, ...one.units.flatMap((unit) => unit.deliveries)];
  const generation = steps.find((step) => step.generation.volume === volume)?.generation;
  return Object.fromEntries(
    [...(generation?.files ?? [])].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
  );
};
const rolled = ({ units }: Plan) =>
  units.flatMap((unit) => unit.steps.map((step) => `${step.consumer.service}: ${step.cause}`));

describe("what stands on a drop", () => {
  test("secrets by the names of files, and what templates make of them", () => {
    expect(made(plan(input(stack, opened())), "bot1-secrets")).toEqual({
      API_KEY: "one",
      TOKEN: "two",
      "config.json": '{ "key": "one" }',
    });
  });

  test.each([
    ["files", ["API_KEY", "TOKEN"]],
    ["json", ["secrets.json"]],
    ["dotenv", ["secrets.env"]],
    ["json, files dotenv", ["API_KEY", "TOKEN", "secrets.env", "secrets.json"]],
  ])("sidecrypt.format: %s", (format, names) => {
    const found = made(plan(input(world([bot({ format })]), opened())), "bot1-secrets");
    expect(Object.keys(found)).toEqual(names);
    if ("secrets.json" in found)
      expect(JSON.parse(found["secrets.json"] ?? "")).toEqual({ API_KEY: "one", TOKEN: "two" });
    if ("secrets.env" in found) expect(found["secrets.env"]).toBe("API_KEY=one\nTOKEN=two\n");
  });

  test("a template takes only what its consumer asks for", () => {
    const given = input(stack, opened({}, { "config.tpl": "\n{{ REDIS_PASSWORD | raw }}" }));
    const [refusal] = plan(given).refusals;
    expect(refusal).toMatchObject({
      services: ["bot1"],
      fault: {
        code: "render-failed",
        message: "service bot1: template config.tpl, line 2: the service has no REDIS_PASSWORD",
      },
    });
    expect(plan(given).deliveries.map((step) => step.generation.volume)).toEqual(["redis-secrets"]);
  });

  test("the daemon is told which files to read", () => {
    expect(templatesAsked(stack).toSorted()).toEqual(["config.tpl", "redis.tpl"]);
  });
});

describe("who rolls", () => {
  const before = settled(stack, opened());

  it("nobody where nothing changed", () => {
    expect(printPlan(plan(input(before, opened())))).toBe("nothing to do\n");
  });

  it("the readers of a template that changed, and nobody else", () => {
    const changed = plan(input(before, opened({}, { "config.tpl": '{ "pair": "BTC", "key": "{{ API_KEY }}" }' })));
    expect(rolled(changed)).toEqual(["bot1: config.tpl changed"]);
    expect(changed.units[0]!.names).toEqual(["config.tpl"]);
    expect(made(changed, "bot1-secrets")).toMatchObject({ "config.json": '{ "pair": "BTC", "key": "one" }' });
  });

  it("those of a secret that changed, by its name alone", () => {
    expect(rolled(plan(input(before, opened({ BOT1_API_KEY: "new" }))))).toEqual(["bot1: BOT1_API_KEY changed"]);
    expect(rolled(plan(input(before, opened({ BOT1_TOKEN: "new" }))))).toEqual(["bot1: BOT1_TOKEN changed"]);
  });

  it("both are named where both changed", () => {
    const both = opened({ BOT1_API_KEY: "new" }, { "config.tpl": '["{{ API_KEY }}"]' });
    expect(rolled(plan(input(before, both)))).toEqual(["bot1: BOT1_API_KEY and config.tpl changed"]);
  });

  it("nobody for another text of a template that makes the same file", () => {
    expect(rolled(plan(input(before, opened({}, { "config.tpl": '{ "key": {{API_KEY}} }' }))))).toEqual([]);
  });

  it.each(["json", "dotenv"])("whoever has them in %s alone, by the secret's name", (format) => {
    const had = settled(world([bot({ format })]), opened());
    expect(printPlan(plan(input(had, opened())))).toBe("nothing to do\n");
    expect(rolled(plan(input(had, opened({ BOT1_TOKEN: "new", REDIS_PASSWORD: "new" }))))).toEqual([
      "bot1: BOT1_TOKEN changed",
    ]);
    expect(rolled(plan(input(had, opened({ BOT1_NEW: "new" }))))).toEqual(["bot1: BOT1_NEW added"]);
    expect(rolled(plan(input(had, bundle({ BOT1_API_KEY: "one", REDIS_PASSWORD: "three" }))))).toEqual([
      "bot1: BOT1_TOKEN removed",
    ]);
  });

  it("a template that fails holds back who shares it", () => {
    const bots = ["a", "b"].map((name) =>
      container(name, { secrets: "REDIS_PASSWORD", labels: { template: "redis.tpl>r.conf" } }),
    );
    const had = settled(world(bots), opened({}, { "redis.tpl": "{{ REDIS_PASSWORD | redis }}" }));
    const next = opened({}, { "redis.tpl": "port 1\n{{ REDIS_PASSWORD | redis }}" });
    const [unit] = plan(input(had, next)).units;
    const quarantine = [
      { generations: unit!.generations, names: unit!.names, services: ["a"], reason: "it died", at: "" },
    ];
    const { held, units } = plan(input(had, next, { quarantine }));
    expect(held.map(({ kind, services }) => [kind, services])).toEqual([
      ["quarantined", ["a"]],
      ["held", ["b"]],
    ]);
    expect(units).toEqual([]);
  });
});

describe("a refused bundle or template", () => {
  it("leaves what is there", () => {
    const before = settled(stack, opened());
    expect(printPlan(plan(input(before, null, { fallback: fallbackOf(before, opened()) })))).toBe("nothing to do\n");
    const fault: Fault = {
      code: "render-failed",
      subject: "config.tpl",
      message: "template config.tpl is not in /bundle",
      hint: undefined,
    };
    const { units, deliveries, refusals } = plan(input(before, opened({ BOT1_TOKEN: "new" }, { "config.tpl": fault })));
    expect([units, deliveries]).toEqual([[], []]);
    expect(refusals.map((one) => one.fault.message)).toEqual(["service bot1: template config.tpl is not in /bundle"]);
  });

  it("on an emptied drop gives way to what was committed last, template included", () => {
    const before = settled(stack, opened());
    const fallback = fallbackOf(before, opened());
    const wrong = opened({ BOT1_API_KEY: "new" }, { "config.tpl": "{{ API_KEY" });
    for (const one of [null, wrong]) {
      expect(made(plan(input(emptied(before), one, { fallback })), "bot1-secrets")).toEqual({
        API_KEY: "one",
        TOKEN: "two",
        "config.json": '{ "key": "one" }',
      });
    }
  });

  it("goes on with an older memory only where it explains every file", () => {
    const before = settled(stack, opened());
    const older = fallbackOf(before, opened({}, { "config.tpl": '["{{ API_KEY }}"]' }));
    expect(printPlan(plan(input(before, null, { fallback: older })))).toBe("nothing to do\n");
    const lists = settled(world([bot({ format: "json" })]), opened());
    expect(printPlan(plan(input(lists, null, { fallback: fallbackOf(lists, opened()) })))).toBe("nothing to do\n");
  });
});

describe("labels that do not fit", () => {
  const faultOf = (labels: Readonly<Record<string, string>>, values = {}): string | undefined =>
    plan(input(world([bot(labels)]), opened(values))).refusals[0]?.fault.message;

  it.each([
    [{ template: "config.tpl>API_KEY" }, "service bot1: BOT1_API_KEY and config.tpl both become file API_KEY"],
    [
      { template: "config.tpl>secrets.json", format: "json" },
      "service bot1: config.tpl and secrets.json both become file secrets.json",
    ],
    [
      { template: "config.tpl>with-secrets" },
      "service bot1: config.tpl and the script of every drop both become file with-secrets",
    ],
  ])("%j", (labels, message) => {
    expect(faultOf(labels)).toBe(message);
  });

  it("a secret that no dotenv reader would read alike names its way out", () => {
    const { refusals } = plan(input(world([bot({ format: "dotenv" })]), opened({ BOT1_TOKEN: `it's $5` })));
    expect(refusals[0]?.fault).toMatchObject({
      code: "render-failed",
      message: "service bot1: TOKEN cannot be written into secrets.env: readers of dotenv do not agree on its quotes",
      hint: "use the format json",
    });
  });

  it("two services with one drop and two files of one name", () => {
    const shared = ["a", "b"].map((name) =>
      container(name, { secrets: "REDIS_PASSWORD", volume: "v", labels: { template: `${name}.tpl>app.txt` } }),
    );
    const { refusals } = plan(input(world(shared, [drop("v")]), opened({}, { "a.tpl": "a", "b.tpl": "b" })));
    expect(refusals.map(({ services, fault }) => [services, fault.code, fault.message])).toEqual([
      [["a", "b"], "drop-conflict", "file app.txt on v would be a.tpl for a and b.tpl for b"],
    ]);
  });
});
