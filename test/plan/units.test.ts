/** What rolls, with whom and in which order: plans as people read them. */
import { describe, expect, it } from "vitest";
import { plan, printPlan } from "../../src/plan/index.ts";
import { apply, BOOT, bundle, container, input, settled, world } from "./builders.ts";
import { after, before, bot1, db, NOTHING, redis, stack, text } from "./stacks.ts";

describe("a settled stack", () => {
  it("needs nothing", () => {
    expect(text(stack, before)).toBe(NOTHING);
  });
  it("needs nothing when the bundle was encrypted again", () => {
    expect(text(stack, after({}, { digest: "e".repeat(64) }))).toBe(NOTHING);
  });
  it("needs nothing under a new identity: equal bytes keep their id", () => {
    expect(text(stack, after({}, { fingerprintKey: new Uint8Array(32) }))).toBe(NOTHING);
  });
  it("needs nothing for a name that nobody asks for", () => {
    expect(text(stack, after({ UNUSED: "x" }))).toBe(NOTHING);
  });
});

describe("units", () => {
  it("one bot's key rolls one bot", () => {
    expect(text(stack, after({ BOT1_KEY: "new" }))).toBe(
      [
        "unit bot1:",
        "  deliver bot1-secrets: BOT1_KEY changed",
        "  1. recreate bot1 (bot1-1): BOT1_KEY changed",
        "",
      ].join("\n"),
    );
  });

  it("a server's password rolls the server, then its clients together", () => {
    expect(text(stack, after({ REDIS_PASSWORD: "new" }))).toBe(
      [
        "unit bot1, bot2 and redis:",
        "  deliver bot1-secrets: REDIS_PASSWORD changed",
        "  deliver bot2-secrets: REDIS_PASSWORD changed",
        "  deliver redis-secrets: REDIS_PASSWORD changed",
        "  1. recreate redis (redis-1): REDIS_PASSWORD changed",
        "  2. recreate bot1 (bot1-1): REDIS_PASSWORD changed",
        "  2. recreate bot2 (bot2-1): REDIS_PASSWORD changed",
        "",
      ].join("\n"),
    );
  });

  it("two bots that need the same, unaffected server are two units", () => {
    const { units, warnings } = plan(input(stack, after({ BOT1_KEY: "x", BOT2_KEY: "y" })));
    expect(units.map((unit) => unit.steps.map((step) => step.consumer.service))).toEqual([["bot1"], ["bot2"]]);
    expect(units.map((unit) => unit.names)).toEqual([["BOT1_KEY"], ["BOT2_KEY"]]);
    expect(warnings).toEqual([]);
  });

  it("reaches through services that are not affected, consumers or not", () => {
    const proxy = container("proxy", { volume: null, dependsOn: ["cache"] });
    const cache = container("cache", { secrets: "DB_PASSWORD", dependsOn: ["redis"] });
    const through = settled(world([redis(), bot1({ dependsOn: ["proxy"] }), proxy, cache]), before);
    const { units } = plan(input(through, after({ REDIS_PASSWORD: "new" })));
    expect(units.map((unit) => unit.steps.map((step) => [step.wave, step.consumer.service]))).toEqual([
      [
        [0, "redis"],
        [1, "bot1"],
      ],
    ]);
  });

  it("sidecrypt.after orders what depends_on does not", () => {
    const loose = world([redis(), bot1({ dependsOn: [], labels: { after: "redis, secrets" } })]);
    const { units, consumers } = plan(input(settled(loose, before), after({ REDIS_PASSWORD: "new" })));
    expect(units.map((unit) => unit.steps.map((step) => [step.wave, step.consumer.service]))).toEqual([
      [
        [0, "redis"],
        [1, "bot1"],
      ],
    ]);
    expect(consumers.map((one) => one.after)).toEqual([["redis"], []]);
  });

  it("waves count only those that roll", () => {
    const chain = world([
      db(),
      container("api", { secrets: "DB_PASSWORD REDIS_PASSWORD", dependsOn: ["db", "redis"] }),
      redis({ dependsOn: ["db"] }),
      container("web", { secrets: "DB_PASSWORD", dependsOn: ["api"] }),
    ]);
    const { units } = plan(input(settled(chain, before), after({ DB_PASSWORD: "new" })));
    expect(units.map((unit) => unit.steps.map((step) => [step.wave, step.consumer.service]))).toEqual([
      [
        [0, "db"],
        [1, "api"],
        [2, "web"],
      ],
    ]);
  });

  it("those who share a drop are one unit without any order", () => {
    const shared = world([
      container("a", { secrets: "BOT1_KEY", volume: "shared" }),
      container("b", { secrets: "BOT2_KEY", volume: "shared" }),
    ]);
    expect(text(settled(shared, before), after({ BOT1_KEY: "x", BOT2_KEY: "y" }))).toBe(
      [
        "unit a and b:",
        "  deliver shared: BOT1_KEY and BOT2_KEY changed",
        "  1. recreate a (a-1): BOT1_KEY changed",
        "  1. recreate b (b-1): BOT2_KEY changed",
        "",
      ].join("\n"),
    );
  });

  it("warns of a changed name that nothing orders", () => {
    const loose = settled(world([redis(), bot1({ dependsOn: [] })]), before);
    const { units, warnings } = plan(input(loose, after({ REDIS_PASSWORD: "new" })));
    expect(units).toHaveLength(2);
    expect(warnings).toEqual([
      {
        subject: "REDIS_PASSWORD",
        message:
          "it changed for bot1 and redis, which nothing orders: if one serves another, say so with depends_on or sidecrypt.after",
      },
    ]);
  });

  it("rolls each replica that is not current", () => {
    const second = redis({ with: { number: 2 } });
    const world3 = settled(world([redis(), second, redis({ with: { number: 3 }, state: "exited" })]), before);
    expect(text(world3, after({ REDIS_PASSWORD: "new" }))).toContain("1. recreate redis (redis-1 and redis-2): ");
    const half = plan(input(world3, after({ REDIS_PASSWORD: "new" })));
    const applied = apply(world3, half, BOOT + 200_000);
    const killed = {
      ...applied,
      containers: applied.containers.map((one) => (one.number === 2 ? second : one)),
      drops: applied.drops.map((one) => ({ ...one, previous: world3.drops[0]!.current })),
    };
    expect(text(killed, after({ REDIS_PASSWORD: "new" }))).toBe(
      "unit redis:\n  1. recreate redis (redis-2): REDIS_PASSWORD changed\n",
    );
  });

  it("says what was added and removed", () => {
    expect(text(stack, after({ BOT1_KEY: undefined, BOT1_NEXT: "n", REDIS_PASSWORD: "x" }))).toContain(
      "recreate bot1 (bot1-1): REDIS_PASSWORD changed, BOT1_NEXT added, BOT1_KEY removed",
    );
  });

  it("shortens long lists", () => {
    const many = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`N${10 + index}`, "x"]));
    const one = settled(world([container("a", { secrets: "N*" })]), bundle(many));
    const changed = bundle(Object.fromEntries(Object.keys(many).map((name) => [name, "y"])));
    expect(text(one, changed)).toContain("N10, N11, N12, N13, N14, N15, N16 … and 7 more changed");
  });

  it("names verbs, and what proves nothing", () => {
    const all = world([
      container("a", { secrets: "DB_PASSWORD", labels: { "on-change": "restart" } }),
      container("b", { secrets: "DB_PASSWORD", labels: { "on-change": "signal:HUP" } }),
      container("c", { secrets: "DB_PASSWORD", labels: { "on-change": "none" } }),
      container("d", { secrets: "DB_PASSWORD", with: { hasHealthcheck: false } }),
      container("e", { secrets: "DB_PASSWORD", with: { hasHealthcheck: false }, labels: { probe: "true" } }),
    ]);
    expect(printPlan(plan(input(settled(all, before), after({ DB_PASSWORD: "x" }))))).toBe(
      [
        "deliver c-secrets: DB_PASSWORD changed",
        "unit a:",
        "  deliver a-secrets: DB_PASSWORD changed",
        "  1. restart a (a-1): DB_PASSWORD changed",
        "unit b:",
        "  deliver b-secrets: DB_PASSWORD changed",
        "  1. signal HUP to b (b-1): DB_PASSWORD changed",
        "unit d:",
        "  deliver d-secrets: DB_PASSWORD changed",
        "  1. recreate d (d-1): DB_PASSWORD changed (unproven: neither healthcheck nor probe)",
        "unit e:",
        "  deliver e-secrets: DB_PASSWORD changed",
        "  1. recreate e (e-1): DB_PASSWORD changed",
        "warning DB_PASSWORD: it changed for a, b, d and e, which nothing orders: if one serves another, say so with depends_on or sidecrypt.after",
        "",
      ].join("\n"),
    );
  });
});
