/** How often a consumer is rolled (recreate.md H46): the bounds by themselves, then the cycle that keeps them. */
import { describe, expect, test } from "vitest";
import { budgetFault, memoryOf, type Pace, pauseOf, type RollStart } from "../../src/daemon/pace.ts";
import { printStatus } from "../../src/report/print-status.ts";
import { statusExit } from "../../src/report/status.ts";
import type { Service } from "../roll/world.ts";
import { CycleWorld } from "./cycle-world.ts";

const T = Date.parse("2026-01-01T00:00:00Z");
const PACE: Pace = { minInterval: 10_000, budget: { rolls: 3, window: 60_000 } };
const starts = (service: string, ...seconds: readonly number[]): RollStart[] =>
  seconds.map((second) => ({ service, at: T + second * 1000 }));
const at = (second: number): number => T + second * 1000;

describe("the interval", () => {
  test("H46: a consumer waits until the interval since the start of its last roll has passed, and no longer", () => {
    const given = starts("bot1", 0);
    expect(pauseOf(["bot1"], given, PACE, at(9.999))).toEqual({ service: "bot1", spent: null, until: at(10) });
    expect(pauseOf(["bot1"], given, PACE, at(10))).toBeNull();
  });

  test("H46: a first roll, and another consumer's, waits for nothing", () => {
    expect(pauseOf(["bot1"], [], PACE, at(0))).toBeNull();
    expect(pauseOf(["bot2"], starts("bot1", 0), PACE, at(1))).toBeNull();
  });

  test("H46: a unit waits for the one of its services that has to wait the longest", () => {
    const given = [...starts("bot1", 0), ...starts("redis", 5)];
    expect(pauseOf(["bot1", "redis"], given, PACE, at(6))).toMatchObject({ service: "redis", until: at(15) });
  });

  test("H46: a clock that was set back holds nobody until it has caught up", () => {
    expect(pauseOf(["bot1"], starts("bot1", 3600), PACE, at(0))).toBeNull();
  });

  test("H46: both can be switched off", () => {
    const off = { minInterval: 0, budget: null };
    expect(pauseOf(["bot1"], starts("bot1", 0, 0, 0, 0, 0), off, at(0))).toBeNull();
    expect(memoryOf(off)).toBe(0);
  });
});

describe("the budget", () => {
  test("H46: once it is spent, the consumer waits for a whole window after its last roll", () => {
    const pause = pauseOf(["bot1"], starts("bot1", 0, 20, 50), PACE, at(55));
    expect(pause).toEqual({ service: "bot1", spent: PACE.budget, until: at(110) });
    expect(pauseOf(["bot1"], starts("bot1", 0, 20, 50), PACE, at(110))).toBeNull();
  });

  test("H46: it stays spent while its oldest rolls leave the window, so that a loop gets no roll for each of them", () => {
    expect(pauseOf(["bot1"], starts("bot1", 0, 20, 50), PACE, at(100))).toMatchObject({ until: at(110) });
  });

  test("H46: rolls that are spread over more than the window do not spend it", () => {
    expect(pauseOf(["bot1"], starts("bot1", 0, 40, 61), PACE, at(80))).toBeNull();
  });

  test("H46: a key that two hundred bots share costs each of them one", () => {
    const bots = Array.from({ length: 200 }, (_, index) => `bot${index}`);
    const given = bots.flatMap((bot, index) => starts(bot, index / 10));
    for (const bot of bots) expect(pauseOf([bot], given, PACE, at(40))).toBeNull();
  });

  test("H46: the fault says how often, until when, and what puts an end to it", () => {
    const fault = budgetFault({ service: "bot1", spent: PACE.budget, until: at(109.001) }, PACE.budget!, "secrets");
    expect(fault).toMatchObject({ code: "budget-spent", subject: "bot1" });
    expect(fault.message).toBe(
      "service bot1 was rolled 3 times within 1m: it is not rolled again before 2026-01-01T00:01:50Z",
    );
    expect(fault.hint).toContain("docker compose exec secrets sidecrypt retry bot1");
  });

  test("H46: a start is remembered for as long as it can matter", () => {
    expect(memoryOf(PACE)).toBe(120_000);
    expect(memoryOf({ minInterval: 3_600_000, budget: PACE.budget })).toBe(3_600_000);
  });
});

const BOTS: readonly Service[] = [{ name: "bot1" }, { name: "bot2", secret: "OTHER" }];
const REDIS: readonly Service[] = [{ name: "redis" }, { name: "bot1", after: ["redis"] }];
const HOUR = 3_600_000;

describe("the cycle keeps the interval", () => {
  test("H46: five changes within it make one more roll, of the newest, when the interval has passed", async () => {
    const it = await CycleWorld.on(BOTS, { minInterval: HOUR });
    const started = it.now;
    for (const version of ["v2", "v3", "v4", "v5", "v6"]) await it.set(version);
    expect([it.loaded("bot1"), it.created("bot1").length]).toEqual([["v2"], 1]);
    await it.runWhenDue();
    expect([it.loaded("bot1"), it.created("bot1").length]).toEqual([["v6"], 2]);
    expect(it.now).toBeGreaterThanOrEqual(started + HOUR);
    expect(it.world.problems("v6")).toEqual([]);
  });

  test("H46: meanwhile status says that it waits, why and until when, and nothing needs a person", async () => {
    const it = await CycleWorld.on(BOTS, { minInterval: HOUR });
    await it.set("v2");
    await it.set("v3");
    expect(it.consumer("bot1")).toMatchObject({ state: "waiting", code: null });
    expect(it.consumer("bot1").reason).toMatch(
      /^PASSWORD changed; not before 2026-\S+Z: a roll of bot1 began less than 1h ago$/,
    );
    expect([it.status.healthy, statusExit(it.status)]).toEqual([true, 0]);
    expect(it.events("roll-postponed")).toHaveLength(2);
    await it.run();
    expect(it.events("roll-postponed")).toHaveLength(2);
  });

  test("H46: another consumer is rolled at once", async () => {
    const it = await CycleWorld.on(BOTS, { minInterval: HOUR });
    await it.memory.addRolls(["bot1"], it.now - 1000, HOUR);
    await it.set("v2");
    expect([it.loaded("bot1"), it.loaded("bot2")]).toEqual([["v1"], ["v2"]]);
  });

  test("H46: a restart of the sidecar does not shorten it", async () => {
    const it = await CycleWorld.on(BOTS, { minInterval: HOUR });
    await it.set("v2");
    await it.start({ minInterval: HOUR });
    await it.set("v3");
    expect(it.loaded("bot1")).toEqual(["v2"]);
  });

  test("H46: a reboot's refreshes wait for nothing", async () => {
    const it = await CycleWorld.on(BOTS, { minInterval: HOUR });
    await it.set("v2");
    it.world.reboot();
    await it.run();
    expect(it.world.problems("v2")).toEqual([]);
  });

  test("H46: retry waits for nothing, and frees those that roll together with the one that it names", async () => {
    const it = await CycleWorld.on(REDIS, { minInterval: HOUR });
    await it.set("v2");
    await it.set("v3");
    expect(await it.cycle.retry("bot1", [])).toEqual(["bot1", "redis"]);
    await it.run();
    expect(it.world.problems("v3")).toEqual([]);
  });

  test("H46: a roll that the engine could not do costs nothing: it is tried again with the next look", async () => {
    const it = await CycleWorld.on(BOTS.slice(0, 1), { minInterval: HOUR });
    await it.start({ minInterval: HOUR, script: ({ name, n }) => (name === "create" && n < 20 ? "refuse-500" : null) });
    await it.set("v2");
    expect(it.consumer("bot1")).toMatchObject({ state: "waiting", code: "docker-refused" });
    for (let looks = 0; looks < 10; looks++) await it.run();
    expect(it.loaded("bot1")).toEqual(["v2"]);
  });
});

describe("the cycle keeps the budget", () => {
  const budget = { rolls: 2, window: HOUR };

  test("H46: past it the circuit is open: nothing is rolled or delivered for that consumer, and an alert says so once", async () => {
    const it = await CycleWorld.on(BOTS.slice(0, 1), { budget });
    for (const version of ["v2", "v3", "v4", "v5"]) await it.set(version);
    expect(it.created("bot1")).toHaveLength(2);
    expect([it.loaded("bot1"), it.world.drops.read("bot1-secrets")]).toEqual([["v3"], "v3"]);
    expect(printStatus(it.status)).toMatch(/^needs attention: 1 of 1 consumer: bot1\n/);
    expect(it.events("circuit-open")).toMatchObject([{ level: "error", fields: { services: ["bot1"] } }]);
    expect(it.consumer("bot1")).toMatchObject({ state: "waiting", code: "budget-spent" });
    expect([it.status.healthy, statusExit(it.status)]).toEqual([true, 7]);
  });

  test("H46: it closes by itself when a window has passed", async () => {
    const it = await CycleWorld.on(BOTS.slice(0, 1), { budget });
    for (const version of ["v2", "v3", "v4"]) await it.set(version);
    await it.runWhenDue();
    expect(it.world.problems("v4")).toEqual([]);
    expect(statusExit(it.status)).toBe(0);
  });

  test("H46: retry closes it", async () => {
    const it = await CycleWorld.on(BOTS.slice(0, 1), { budget });
    for (const version of ["v2", "v3", "v4"]) await it.set(version);
    expect(await it.cycle.retry(null, [])).toEqual(["bot1"]);
    await it.run();
    expect(it.world.problems("v4")).toEqual([]);
  });

  test("H46: a way back is not stopped by it, and counts nothing", async () => {
    const it = await CycleWorld.on(BOTS.slice(0, 1), { budget });
    await it.set("v2");
    it.world.bad = "v3";
    await it.set("v3");
    expect(it.world.problems("v2")).toEqual([]);
    expect(it.memory.rolls).toHaveLength(2);
  });

  test("H46: a sidecar that dies in each roll spends it too", async () => {
    const it = await CycleWorld.on(BOTS.slice(0, 1), { budget });
    it.world.version = "v2";
    let created = 0;
    for (let life = 0; life < 5; life++) {
      await it.start({ budget, script: ({ name }) => (name === "create" ? "kill-before" : null) });
      await it.run();
      created += it.created("bot1").length;
    }
    expect(created).toBe(2);
  });
});
