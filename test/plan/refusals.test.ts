/** What does not move: refused consumers, quarantined and held units, and what their drops hold meanwhile. */
import { describe, expect, it } from "vitest";
import { plan, planToJson, printPlan } from "../../src/plan/index.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { Fault, Observed, ObservedContainer } from "../../src/types.ts";
import {
  apply,
  at,
  BOOT,
  bundle,
  change,
  container,
  drop,
  emptied,
  fallbackOf,
  input,
  settled,
  world,
  type ServiceOptions,
} from "./builders.ts";

const text = (...args: Parameters<typeof input>): string => printPlan(plan(input(...args)));
const NOTHING = "nothing to do\n";

const values = { BOT1_KEY: "k1", BOT2_KEY: "k2", REDIS_PASSWORD: "old" };
const before = bundle(values);
const newRedis = bundle({ ...values, REDIS_PASSWORD: "new" });

const redis = (options: ServiceOptions = {}) => container("redis", { secrets: "REDIS_PASSWORD", ...options });
const bot = (name: string, options: ServiceOptions = {}) =>
  container(name, { secrets: `${name.toUpperCase()}_* REDIS_PASSWORD`, dependsOn: ["redis"], ...options });
const stack = settled(world([redis(), bot("bot1"), bot("bot2")]), before);

const servicesIn = (units: readonly { steps: readonly { consumer: { service: string } }[] }[]): string[][] =>
  units.map((unit) => unit.steps.map((step) => step.consumer.service));

function relabel(observed: Observed, service: string, labels: Record<string, string>): Observed {
  const old = observed.containers.find((one) => one.service === service)!;
  return change(observed, { [service]: { labels: { ...old.labels, ...labels } } });
}

describe("faults of one consumer", () => {
  const faultOf = (consumer: ObservedContainer, drops = world([consumer]).drops, opened = before): Fault => {
    const { refusals, deliveries } = plan(input(world([consumer], drops), opened));
    expect(deliveries).toEqual([]);
    expect(refusals.map(({ services }) => services)).toEqual([[consumer.service]]);
    return refusals[0]!.fault;
  };

  it.each<[string, ServiceOptions, ErrorCode, string]>([
    [
      "a name that is not there",
      { secrets: "BOT1_KEYY BOT9_* BOT2_KEY" },
      "secret-missing",
      "service a asks for BOT1_KEYY and BOT9_*, which matches no name in the bundle",
    ],
    [
      "two names for one file",
      { secrets: "BOT1_KEY KEY", labels: { "strip-prefix": "BOT1_" } },
      "label-invalid",
      "service a: BOT1_KEY and KEY both become file KEY",
    ],
    [
      "a name that cannot be a file's",
      { secrets: "BOT1_*", labels: { "strip-prefix": "BOT1_" } },
      "label-invalid",
      'service a: "BOT1_..x" cannot be the name of a file',
    ],
    [
      "its environment has the file's name",
      { secrets: "BOT2_KEY", labels: { "strip-prefix": "BOT2_" }, with: { environmentNames: ["KEY"] } },
      "env-shadows-secret",
      "service a sets KEY in its environment and asks for BOT2_KEY",
    ],
    [
      "its environment has the bundle's name",
      { secrets: "BOT2_KEY", labels: { "strip-prefix": "BOT2_" }, with: { environmentNames: ["BOT2_KEY"] } },
      "env-shadows-secret",
      "service a sets BOT2_KEY in its environment and asks for BOT2_KEY",
    ],
    [
      "an unknown service",
      { secrets: "BOT2_KEY", labels: { after: "redys" } },
      "label-invalid",
      "service a: label sidecrypt.after names redys, which the project does not have",
    ],
    ["it waits for itself", { secrets: "BOT2_KEY", labels: { after: "a" } }, "order-cycle", "a waits for itself"],
    [
      "a writable drop",
      { secrets: "BOT2_KEY", writable: true },
      "drop-second-writer",
      "service a mounts a-secrets writable",
    ],
    [
      "a drop somewhere else",
      { secrets: "BOT2_KEY", destination: "/secrets" },
      "drop-unpaired",
      "service a mounts a-secrets at /secrets, not at /run/secrets",
    ],
  ])("%s", (_, options, code, message) => {
    const opened = bundle({
      BOT1_KEY: "1",
      KEY: "2",
      BOT2_KEY: "3",
      ...(message.includes("..") ? { "BOT1_..x": "4" } : {}),
    });
    const made = plan(input(world([container("a", options)]), opened));
    expect(made.refusals).toMatchObject([{ services: ["a"], fault: { code, message } }]);
  });

  it("asks what was meant", () => {
    const fault = faultOf(container("a", { secrets: "BOT1_KEYY" }));
    expect(fault.hint).toBe("did you mean BOT1_KEY? a trailing ? makes a name optional");
  });

  it("NAME_FILE in the environment is how images are told of a file", () => {
    const postgres = container("a", { secrets: "REDIS_PASSWORD", with: { environmentNames: ["REDIS_PASSWORD_FILE"] } });
    expect(plan(input(world([postgres]), before)).refusals).toEqual([]);
  });

  it("no shared volume: the lines to paste", () => {
    const fault = faultOf(container("bot1", { secrets: "BOT1_KEY", volume: "stack_keys" }), []);
    expect(fault).toMatchObject({
      code: "drop-unpaired",
      message: "service bot1 mounts no volume of the sidecar's at /run/secrets",
    });
    expect(fault.hint).toBe(
      [
        "services:",
        '  secrets: { volumes: ["keys:/drops/bot1"] }',
        '  bot1: { volumes: ["keys:/run/secrets:ro,nocopy"] }',
        "volumes:",
        '  keys: { driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m,mode=2750,gid=1000,noexec,nosuid,nodev" } }',
        "with gid= the primary group of the process that reads in bot1",
      ].join("\n"),
    );
  });

  it("no volume at all: a name for one", () => {
    expect(faultOf(container("bot1", { secrets: "BOT1_KEY", volume: null }), []).hint).toContain(
      'bot1: { volumes: ["bot1-secrets:/run/secrets:ro,nocopy"] }',
    );
  });

  it("two shared volumes: both are named", () => {
    const mounts = ["x", "y"].map((volume) => ({ volume, destination: `/run/${volume}`, writable: false }));
    const fault = faultOf(container("a", { secrets: "BOT1_KEY", with: { mounts } }), [drop("y"), drop("x")]);
    expect(fault).toMatchObject({
      code: "drop-unpaired",
      message: "service a shares the volumes x and y with the sidecar",
    });
  });

  it("the drop's own fault", () => {
    const own: Fault = {
      code: "drop-not-memory",
      subject: "a-secrets",
      message: "is a disk",
      hint: "docker volume rm",
    };
    expect(faultOf(container("a", { secrets: "BOT1_KEY" }), [drop("a-secrets", { fault: own })])).toEqual(own);
  });

  it("another service writes to the drop", () => {
    const writer = container("w", { volume: "a-secrets", destination: "/x", writable: true });
    const made = plan(input(world([container("a", { secrets: "BOT1_KEY" }), writer]), before));
    expect(made.refusals[0]?.fault.message).toBe("service w mounts a-secrets writable");
    expect(made.deliveries).toEqual([]);
  });

  it("one file name with two contents refuses all who share it", () => {
    const shared = [
      container("a", { secrets: "BOT1_KEY", labels: { "strip-prefix": "BOT1_" }, volume: "v" }),
      container("b", { secrets: "BOT2_KEY", labels: { "strip-prefix": "BOT2_" }, volume: "v" }),
    ];
    expect(text(world(shared), before)).toBe(
      [
        "nothing to do",
        "refused a and b: file KEY on v would be BOT1_KEY for a and BOT2_KEY for b [drop-conflict]",
        "  give a and b a volume each, or other file names",
        "",
      ].join("\n"),
    );
    expect(plan(input(world(shared), bundle({ BOT1_KEY: "x", BOT2_KEY: "x" }))).refusals).toEqual([]);
  });
});

describe("a fault and the others", () => {
  const typo = relabel(stack, "bot1", { "sidecrypt.settle": "soon" });

  it("is one refusal while nothing changes", () => {
    expect(text(typo, before)).toBe(
      `${NOTHING}refused bot1: service bot1: label sidecrypt.settle is not a duration such as 30s, 1m30s or 500ms [label-invalid]\n`,
    );
  });

  it("does not block an unrelated bot's rotation", () => {
    const made = plan(input(typo, bundle({ ...values, BOT2_KEY: "new" })));
    expect(servicesIn(made.units)).toEqual([["bot2"]]);
    expect(made.refusals.map(({ services }) => services)).toEqual([["bot1"]]);
  });

  it("refuses the unit that it may belong to as a whole", () => {
    expect(text(typo, newRedis)).toBe(
      [
        "nothing to do",
        "refused bot1: service bot1: label sidecrypt.settle is not a duration such as 30s, 1m30s or 500ms [label-invalid]",
        "refused bot2 and redis: bot2 and redis would change together with bot1, which is refused [label-invalid]",
        "  mend bot1 first",
        "",
      ].join("\n"),
    );
  });

  it("a missing name refuses the unit likewise", () => {
    const { units, deliveries, refusals } = plan(input(stack, bundle({ BOT2_KEY: "k2", REDIS_PASSWORD: "new" })));
    expect([units, deliveries]).toEqual([[], []]);
    expect(refusals.map(({ services, fault }) => [services, fault.code])).toEqual([
      [["bot1"], "secret-missing"],
      [["bot2", "redis"], "secret-missing"],
    ]);
  });

  it("who shares a drop with it gets nothing new", () => {
    const shared = settled(
      world([
        container("a", { secrets: "BOT1_KEY", volume: "v" }),
        container("b", { secrets: "BOT2_KEY", volume: "v" }),
      ]),
      before,
    );
    const broken = relabel(shared, "a", { "sidecrypt.secret": "x" });
    const made = plan(input(broken, bundle({ ...values, BOT2_KEY: "new" })));
    expect([made.units, made.deliveries]).toEqual([[], []]);
    expect(made.refusals.map(({ services, fault }) => [services, fault.message])).toEqual([
      [["a"], "service a: unknown label sidecrypt.secret"],
      [["b"], "service b: it shares v with a, which is refused"],
    ]);
  });

  it("services that wait for each other are refused, with those who move with them", () => {
    const circle = relabel(stack, "redis", { "sidecrypt.after": "bot1" });
    const made = plan(input(circle, newRedis));
    expect(made.units).toEqual([]);
    expect(made.refusals).toMatchObject([
      { services: ["bot1", "redis"], fault: { code: "order-cycle", message: "bot1 and redis wait for each other" } },
      { services: ["bot2"], fault: { code: "order-cycle" } },
    ]);
    expect(servicesIn(plan(input(circle, bundle({ ...values, BOT2_KEY: "new" }))).units)).toEqual([["bot2"]]);
  });

  it("a container that has missed its files is refreshed beside a refused one", () => {
    const early = change(typo, { redis: { startedAt: at(BOOT + 60_001) } });
    const made = plan(input(early, before));
    expect(made.refreshes.map((step) => step.consumer.service)).toEqual(["redis"]);
    expect(made.refusals).toHaveLength(1);
  });
});

describe("an emptied drop", () => {
  const rebooted = emptied(stack);
  const fallback = fallbackOf(stack, before);
  const delivers = (...args: Parameters<typeof input>) =>
    plan(input(...args)).deliveries.map(({ generation: { volume, files } }) => [
      volume,
      ...[...files.values()].map((bytes) => Buffer.from(bytes).toString()),
    ]);
  const old = [
    ["bot1-secrets", "k1", "old"],
    ["bot2-secrets", "k2", "old"],
    ["redis-secrets", "old"],
  ];

  it("gets what was committed last where the present bundle is refused", () => {
    expect(delivers(rebooted, null, { fallback })).toEqual(old);
    const { refreshes, refusals, deliveries } = plan(input(rebooted, null, { fallback }));
    expect([refreshes.length, refusals]).toEqual([3, []]);
    expect(new Set(deliveries.map((step) => step.generation.bundleDigest))).toEqual(new Set([before.digest]));
  });

  it("nothing committed and no bundle", () => {
    const made = plan(input(rebooted, null));
    expect(made.refusals.map(({ services, fault }) => [services, fault.code])).toEqual([
      [["bot1"], "nothing-committed"],
      [["bot2"], "nothing-committed"],
      [["redis"], "nothing-committed"],
    ]);
    expect(made.deliveries).toEqual([]);
  });

  it("a unit with a refused member gets what was committed last, whole", () => {
    const missing = bundle({ BOT2_KEY: "k2", REDIS_PASSWORD: "new" });
    expect(delivers(rebooted, missing, { fallback })).toEqual(old);
    const { refusals } = plan(input(rebooted, missing, { fallback }));
    expect(refusals.map(({ services }) => services)).toEqual([["bot1"], ["bot2", "redis"]]);
  });

  it("of one whose labels are not understood gets nothing; the others what they had", () => {
    const typo = relabel(rebooted, "bot1", { "sidecrypt.settle": "soon" });
    expect(delivers(typo, newRedis, { fallback })).toEqual(old.slice(1));
    expect(plan(input(typo, before, { fallback })).refusals.map(({ services }) => services)).toEqual([["bot1"]]);
  });

  it("at the very first start a typo keeps nobody else from their files", () => {
    const typo = relabel(rebooted, "bot1", { "sidecrypt.settle": "soon" });
    expect(delivers(typo, before)).toEqual(old.slice(1));
  });
});

describe("no bundle", () => {
  it("what is delivered stays", () => {
    expect(text(stack, null)).toBe(NOTHING);
    expect(text(stack, null, { fallback: fallbackOf(stack, before) })).toBe(NOTHING);
  });

  it("an older one in /state takes nothing back", () => {
    const stale = bundle({ ...values, REDIS_PASSWORD: "very old" });
    expect(text(stack, null, { fallback: fallbackOf(stack, stale) })).toBe(NOTHING);
  });

  it("a new name is delivered from the one committed last", () => {
    const grown = change(relabel(stack, "bot1", { "sidecrypt.secrets": "BOT1_KEY BOT2_KEY REDIS_PASSWORD" }), {
      bot1: { state: "created", startedAt: null },
    });
    expect(text(grown, null, { fallback: fallbackOf(stack, before) })).toBe("deliver bot1-secrets: BOT2_KEY added\n");
  });

  it("a name that the one committed last does not have is a fault", () => {
    const grown = relabel(stack, "bot1", { "sidecrypt.secrets": "NEXT" });
    const { refusals } = plan(input(grown, null, { fallback: fallbackOf(stack, before) }));
    expect(refusals[0]?.fault.message).toBe(
      "service bot1 asks for NEXT, which matches no name in the bundle committed last",
    );
  });

  it("a roll that was under way goes back to what was committed", () => {
    const halfway = apply(stack, plan(input(stack, newRedis)), BOOT + 200_000);
    const drops = halfway.drops.map((one, index) => ({ ...one, previous: stack.drops[index]!.current }));
    const { units } = plan(input({ ...halfway, drops }, null));
    expect(servicesIn(units)).toEqual([["redis", "bot1", "bot2"]]);
  });
});

describe("a plan as data", () => {
  it("is plain and complete", () => {
    const json = planToJson(plan(input(stack, newRedis)));
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json.units).toMatchObject([
      {
        names: ["REDIS_PASSWORD"],
        deliveries: [{ generation: { volume: "bot1-secrets", files: ["BOT1_KEY", "REDIS_PASSWORD"] } }, {}, {}],
        steps: [{ service: "redis", containers: ["redis-1"], wave: 0 }, {}, {}],
      },
    ]);
  });

  it("passes the bundle's warnings on", () => {
    const warnings = [{ subject: "BOT1_KEY", message: "Compose would have read a comment" }];
    expect(text(stack, { ...before, warnings })).toBe(
      `${NOTHING}warning BOT1_KEY: Compose would have read a comment\n`,
    );
  });
});
