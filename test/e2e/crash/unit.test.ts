/**
 * A server and its client, one unit: killed, refused, an answer lost or none given, at each call of its roll
 * (recreate.md §5, DESIGN.md rule 7).
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Trouble } from "../harness/proxy.ts";
import { GOOD, stepsOf, Walker, walkAll } from "../harness/walk.ts";

/** The server passes on it, and the client fails: both have to go back. */
const BAD = "bad-client-";
const SERVICES = [
  { name: "server", refuses: "never-" },
  { name: "client", refuses: BAD, after: "server" },
];
const STACKS = 4;
const TROUBLES: readonly Trouble[] = [
  ...(["kill-before", "kill-after", "409", "500"] as const),
  ...(["drop-before", "drop-after", "hang-before", "hang-after"] as const),
];

let walkers: readonly Walker[] = [];

beforeAll(async () => {
  walkers = await Promise.all(Array.from({ length: STACKS }, () => Walker.start(SERVICES)));
});

afterAll(() => Promise.all(walkers.map((one) => one.close())));

test.each([
  ["pass", GOOD, 14],
  ["fail at the client", BAD, 24],
])(
  "H40, H41, H48: a unit whose gates %s, with trouble at each call that changes something",
  async (_, prefix, least) => {
    const count = await walkers[0]!.count(prefix, "changes");
    const steps = stepsOf(count, TROUBLES, { among: "changes", prefix });
    expect(await walkAll(walkers, steps)).toEqual([]);
    expect(count).toBeGreaterThanOrEqual(least);
  },
);
