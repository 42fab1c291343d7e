/** A roll that the engine fails once containers were stopped for it: tried again, a few times, ever later. */
import { expect, test } from "vitest";
import { LABEL_REPLACES } from "../../src/roll/journal.ts";
import type { Call, Trouble } from "../roll/fake-session.ts";
import type { Service } from "../roll/world.ts";
import { CycleWorld } from "./cycle-world.ts";

const BOT: readonly Service[] = [{ name: "bot1" }];
const BOTS: readonly Service[] = [{ name: "bot1" }, { name: "bot2" }];
const HOUR = 3_600_000;

/** Of the first starts of new containers. */
function failing(it: CycleWorld, times: number, trouble: Trouble = "refuse-500") {
  return ({ name, about }: Call): Trouble | null => {
    const isNew = it.world.engine.byName(about)?.body["Labels"] as Record<string, string> | undefined;
    if (name !== "start" || isNew?.[LABEL_REPLACES] === undefined || times <= 0) return null;
    times--;
    return trouble;
  };
}

async function on(services: readonly Service[], times: number, trouble?: Trouble): Promise<CycleWorld> {
  const it = await CycleWorld.on(services);
  await it.start({ script: failing(it, times, trouble) });
  await it.set("v2");
  return it;
}

test.each<Trouble>(["refuse-409", "refuse-500", "unreachable"])(
  "%s of one start is not the key's fault: everything is back, and it is rolled again a moment later",
  async (trouble) => {
    const it = await on(BOT, 1, trouble);
    expect(it.world.problems("v1")).toEqual([]);
    expect(it.memory.quarantine).toEqual([]);
    expect(it.consumer("bot1")).toMatchObject({ state: "waiting", code: expect.stringMatching(/^docker-/) as string });
    await it.run();
    expect(it.created("bot1")).toHaveLength(1);
    expect(it.consumer("bot1").reason).toMatch(/bot1 tried again 3 more times, not before 20\S+Z$/);
    await it.runWhenDue();
    expect(it.world.problems("v2")).toEqual([]);
    expect(it.memory.tries).toEqual([]);
    expect(it.consumer("bot1")).toMatchObject({ state: "current", code: null });
  },
);

test("H46: an engine that goes on failing it is asked four times, ever later, and then it needs a person", async () => {
  const it = await on(BOT, 8);
  const times = [it.now];
  while (it.memory.quarantine.length === 0 && times.length < 10) {
    await it.runWhenDue();
    times.push(it.now);
  }
  const waits = times.slice(1).map((time, index) => time - times[index]!);
  expect(waits).toHaveLength(3);
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(it.created("bot1")).toHaveLength(4);
  expect(it.world.problems("v1")).toEqual([]);
  expect(it.consumer("bot1")).toMatchObject({
    state: "quarantined",
    reason: expect.stringContaining("tried 4 times") as string,
  });
  it.world.clock.time += HOUR;
  await it.run();
  expect(it.created("bot1")).toHaveLength(4);
});

test("H46: a restart of the sidecar does not begin the count anew", async () => {
  const it = await on(BOT, 8);
  for (let life = 0; life < 5; life++) {
    it.world.clock.time += HOUR;
    await it.start({ script: failing(it, 1) });
    await it.run();
  }
  expect(it.memory.quarantine).toHaveLength(1);
  expect(it.world.problems("v1")).toEqual([]);
});

test("H46: it counts for the interval, as a roll that the engine failed before it stopped anything does not", async () => {
  const it = await CycleWorld.on(BOT, { minInterval: HOUR });
  await it.start({ minInterval: HOUR, script: failing(it, 1) });
  await it.set("v2");
  it.world.clock.time += HOUR / 2;
  await it.run();
  expect(it.loaded("bot1")).toEqual(["v1"]);
  // The moment after which it would be tried again, and then the interval's.
  await it.runWhenDue();
  await it.runWhenDue();
  expect(it.loaded("bot1")).toEqual(["v2"]);
});

test("H46: a clock that was set back holds nobody until it has caught up", async () => {
  const it = await on(BOT, 1);
  it.world.clock.time -= HOUR;
  await it.run();
  expect(it.loaded("bot1")).toEqual(["v2"]);
});

test("an ailing engine stops at the first bot: those that share the changed name wait for its outcome", async () => {
  const it = await on(BOTS, 1);
  await it.run();
  expect([it.created("bot1").length, it.created("bot2").length]).toEqual([1, 0]);
  expect(it.consumer("bot2")).toMatchObject({ state: "waiting", code: "docker-refused" });
  await it.runWhenDue();
  expect(it.world.problems("v2")).toEqual([]);
});

test("retry waits for nothing, and begins the count anew", async () => {
  const it = await on(BOT, 1);
  await it.run();
  expect(await it.cycle.retry("bot1", [])).toEqual(["bot1"]);
  await it.run();
  expect(it.world.problems("v2")).toEqual([]);
  expect(it.memory.tries).toEqual([]);
});

test("another key is tried at once", async () => {
  const it = await on(BOT, 1);
  await it.set("v3");
  expect(it.world.problems("v3")).toEqual([]);
  expect(it.memory.tries).toEqual([]);
});
