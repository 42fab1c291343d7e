/** One container restarted in place, walked on the real engine as the replaced one is (solo.test.ts). */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Trouble } from "../harness/proxy.ts";
import { GOOD, stepsOf, Walker, walkAll } from "../harness/walk.ts";

const BAD = "bad-";
const STACKS = 4;
const TROUBLES: readonly Trouble[] = ["kill-before", "kill-after", "409", "500", "drop-after", "hang-after"];

let walkers: readonly Walker[] = [];

beforeAll(async () => {
  const services = [{ name: "bot", refuses: BAD, onChange: "restart" }];
  walkers = await Promise.all(Array.from({ length: STACKS }, () => Walker.start(services)));
});

afterAll(() => Promise.all(walkers.map((one) => one.close())));

test.each([
  ["passes", GOOD, 2],
  ["fails", BAD, 4],
])("H22, H47, H48: a restart whose gate %s, with trouble at each of its calls", async (_, prefix, least) => {
  const count = await walkers[0]!.count(prefix, "changes");
  const steps = stepsOf(count, TROUBLES, { among: "changes", prefix });
  expect(await walkAll(walkers, steps)).toEqual([]);
  expect(count).toBeGreaterThanOrEqual(least);
});
