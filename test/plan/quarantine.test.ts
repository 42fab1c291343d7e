/** What failed is not tried again, and what its drops hold meanwhile. */
import { describe, expect, it } from "vitest";
import { plan, printPlan, triedIn } from "../../src/plan/index.ts";
import type { Quarantine } from "../../src/types.ts";
import { apply, BOOT, bundle, container, drop, emptied, fallbackOf, input, settled, world } from "./builders.ts";
import { after, before, NOTHING, stack, text } from "./stacks.ts";

const newRedis = after({ REDIS_PASSWORD: "new" });

describe("quarantine", () => {
  const failed = (opened = newRedis, observed = stack): Quarantine => ({
    ...triedIn(plan(input(observed, opened)).units[0]!),
    reason: "gate failed",
    at: "2026-01-02T00:00:00Z",
  });

  it("remembers generations, names and services", () => {
    const entry = failed();
    expect(Object.keys(entry.generations)).toEqual(["bot1-secrets", "bot2-secrets", "redis-secrets"]);
    expect(entry).toMatchObject({
      names: ["REDIS_PASSWORD"],
      services: ["bot1", "bot2", "redis"],
      reason: "gate failed",
      at: "2026-01-02T00:00:00Z",
    });
  });

  it("is not tried again", () => {
    const made = plan(input(stack, newRedis, { quarantine: [failed()] }));
    expect(printPlan(made)).toBe(`${NOTHING}quarantined bot1, bot2 and redis: gate failed\n`);
    expect(made.held[0]?.generations).toEqual(failed().generations);
  });

  it("is tried again once one of its generations changes", () => {
    const next = after({ REDIS_PASSWORD: "new", BOT1_KEY: "too" });
    expect(plan(input(stack, next, { quarantine: [failed()] })).held).toEqual([]);
    expect(text(stack, before, { quarantine: [failed()] })).toBe(NOTHING);
  });

  it("an emptied drop gets what was committed last", () => {
    const made = plan(input(emptied(stack), newRedis, { quarantine: [failed()], fallback: fallbackOf(stack, before) }));
    expect(made.deliveries).toHaveLength(4);
    expect(made.refreshes).toHaveLength(4);
    const contents = made.deliveries.flatMap((step) => [...step.generation.files.values()].map(String));
    expect(contents).not.toContain("new");
    expect(made.held.map(({ kind }) => kind)).toEqual(["quarantined"]);
  });

  it("a new service of the unit gets what the others stay on", () => {
    const grown = world(
      [...stack.containers, container("bot3", { secrets: "REDIS_PASSWORD", dependsOn: ["redis"] })],
      [...stack.drops, drop("bot3-secrets")],
    );
    const made = plan(input(grown, newRedis, { quarantine: [failed()], fallback: fallbackOf(stack, before) }));
    expect(
      made.deliveries.map((step) => [step.generation.volume, ...[...step.generation.files.values()].map(String)]),
    ).toEqual([["bot3-secrets", "old"]]);
  });

  it("goes back where a killed sidecar left the failed files", () => {
    const half = apply(stack, plan(input(stack, newRedis)), BOOT + 200_000);
    const drops = half.drops.map((one, index) => ({ ...one, previous: stack.drops[index]!.current }));
    const quarantine = [failed()];
    const { units } = plan(input({ ...half, drops }, newRedis, { quarantine, fallback: fallbackOf(stack, before) }));
    expect(units[0]?.deliveries.map((step) => step.cause)).toEqual(Array(3).fill("back to what was committed last"));
  });

  it("covers drops that were flipped before a kill", () => {
    const half = apply(stack, plan(input(stack, newRedis)), BOOT + 200_000);
    const drops = half.drops.map((one, index) => ({ ...one, previous: stack.drops[index]!.current, seen: [] }));
    const { units } = plan(input({ ...half, containers: stack.containers, drops }, newRedis));
    expect(units[0]?.deliveries).toEqual([]);
    expect(triedIn(units[0]!).generations).toEqual(failed().generations);
  });

  describe("of a key that several have", () => {
    const keys = { EXCHANGE_KEY: "e", C_KEY: "c" };
    const bots = settled(
      world([
        container("a", { secrets: "EXCHANGE_KEY" }),
        container("b", { secrets: "EXCHANGE_KEY" }),
        container("c", { secrets: "C_KEY" }),
        container("d", { secrets: "EXCHANGE_KEY?", volume: "d-secrets", state: "exited" }),
      ]),
      bundle(keys),
    );
    const bad = bundle({ EXCHANGE_KEY: "bad", C_KEY: "c2" });

    it("holds back those who share it; the others go on", () => {
      const made = plan(input(bots, bad, { quarantine: [failed(bad, bots)] }));
      expect(printPlan(made)).toBe(
        [
          "unit c:",
          "  deliver c-secrets: C_KEY changed",
          "  1. recreate c (c-1): C_KEY changed",
          "quarantined a: gate failed",
          "held b: EXCHANGE_KEY also changed for a, which failed: gate failed",
          "held d: EXCHANGE_KEY also changed for a, which failed: gate failed",
          "",
        ].join("\n"),
      );
    });

    it("also on drops that were emptied", () => {
      const quarantine = [failed(bad, bots)];
      const made = plan(input(emptied(bots), bad, { quarantine, fallback: fallbackOf(bots, bundle(keys)) }));
      const contents = made.deliveries.map((step) => [...step.generation.files.values()].map(String)).flat();
      expect(contents).toEqual(["e", "e", "c2", "e"]);
    });

    it("lets a service that never had it have it: there is nothing to keep it on", () => {
      const grown = world(
        [...bots.containers, container("n", { secrets: "EXCHANGE_KEY" })],
        [...bots.drops, drop("n-secrets")],
      );
      const made = plan(input(grown, bad, { quarantine: [failed(bad, bots)] }));
      expect(made.deliveries.map((step) => step.generation.volume)).toEqual(["n-secrets"]);
    });
  });
});
