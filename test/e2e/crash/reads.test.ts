/** One container's roll, walked on the real engine: at each of its looks the engine refuses, or loses the answer (H47). */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Trouble } from "../harness/proxy.ts";
import { GOOD, stepsOf, Walker, walkAll } from "../harness/walk.ts";

const BAD = "bad-";
const STACKS = 4;
const TROUBLES: readonly Trouble[] = ["500", "drop-before"];

let walkers: readonly Walker[] = [];

beforeAll(async () => {
  const services = [{ name: "bot", refuses: BAD, isInjected: true }];
  walkers = await Promise.all(Array.from({ length: STACKS }, () => Walker.start(services)));
});

afterAll(() => Promise.all(walkers.map((one) => one.close())));

test.each([
  ["passes", GOOD],
  ["fails", BAD],
])("H40, H47: a roll whose gate %s, with trouble at each call that only looks", async (_, prefix) => {
  const count = await walkers[0]!.count(prefix, "reads");
  const steps = stepsOf(count, TROUBLES, { among: "reads", prefix });
  expect(await walkAll(walkers, steps)).toEqual([]);
  expect(count).toBeGreaterThanOrEqual(20);
});
