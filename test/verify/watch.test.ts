import { expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { Evidence } from "../../src/docker/evidence.ts";
import type { Json } from "../../src/docker/port.ts";
import type { Sighting } from "../../src/verify/sightings.ts";
import { watch } from "../../src/verify/watch.ts";
import { container, evidenceOf, looking, PROJECT } from "./world.ts";

const START = Date.UTC(2026, 10, 22, 12);
const VALUE = "Zx81-commodore-64-amiga-500";
const NEEDLES = [{ name: "KEY", value: Buffer.from(VALUE) }];

/** Time passes only while it sleeps. */
function clockOf(): Clock {
  let now = START;
  return { now: () => now, sleep: (ms) => Promise.resolve(void (now += ms)) };
}

/** Ten seconds over one bot; what it shows may hang on how long it is watched. */
async function watched(show: (seconds: () => number) => Partial<Evidence>): Promise<readonly Sighting[]> {
  const clock = clockOf();
  const over = show(() => (clock.now() - START) / 1000);
  const ours = [container("bot1")];
  const at = looking(evidenceOf(ours, over), NEEDLES);
  await watch(clock, at, { ours, others: [], volumes: [] }, PROJECT, 10_000);
  expect(at.into.gaps).toEqual([]);
  return at.into.all;
}

const places = (seen: readonly Sighting[]): string[] => seen.map(({ rule, place }) => `${rule}: ${place}`);

test("the output of a health check that scrolls away, and an exec instance that ends, must be seen, and told once", async () => {
  const bot = (more: Json): Json => container("bot1", more);
  const seen = await watched((seconds) => ({
    container: () => {
      const isNow = seconds() >= 3 && seconds() < 5;
      const Log = isNow ? [{ Output: "" }, { Output: `${VALUE} ${seconds()}` }] : [];
      return Promise.resolve(bot({ State: { Status: "running", Health: { Log } }, ExecIDs: isNow ? ["e1"] : [] }));
    },
    execution: (id) => Promise.resolve(id === "e1" ? { ProcessConfig: { arguments: ["-c", `login ${VALUE}`] } } : null),
  }));
  expect(places(seen)).toEqual([
    "value-in-exec: exec ProcessConfig.arguments[1]",
    "value-in-inspect: State.Health.Log while it was watched",
  ]);
});

test("new lines of a log must be read, each but once or twice, and those of the last moment too", async () => {
  const asked: number[] = [];
  const lines = [0, 4.2, 9.9].map((at) => ({ at, text: at === 0 ? "old" : `logged in with ${VALUE}` }));
  const shown: number[] = [];
  const seen = await watched((seconds) => ({
    async *log(_id, _isTerminal, since) {
      asked.push(since ?? 0);
      for (const { at, text } of lines.filter((one) => START / 1000 + one.at >= (since ?? 0) && one.at <= seconds())) {
        shown.push(at);
        yield await Promise.resolve({ stream: "stderr" as const, bytes: Buffer.from(`${text}\n`) });
      }
    },
  }));
  expect(places(seen)).toEqual(["value-in-log: stderr while it was watched"]);
  expect(shown).toContain(9.9);
  expect(Math.max(...lines.map(({ at }) => shown.filter((one) => one === at).length))).toBeLessThanOrEqual(2);
  expect(asked.length).toBeLessThanOrEqual(6);
  expect(Math.min(...asked)).toBeGreaterThanOrEqual(START / 1000 - 1);
});

test("events of the time must be read", async () => {
  const event = { Type: "container", Action: `exec_create: login ${VALUE}`, Actor: { ID: "id-bot1" } };
  const seen = await watched((seconds) => ({
    events: (since, until) => {
      const at = START / 1000 + 7;
      return Promise.resolve(seconds() >= 7 && since <= at && at <= until ? [event] : []);
    },
  }));
  expect(places(seen)).toEqual(["value-in-event: container exec_create: Action"]);
});

test("what the first look has told already is not told again", async () => {
  const ours = [container("bot1")];
  const evidence = evidenceOf(ours, {
    async *log() {
      yield await Promise.resolve({ stream: "stdout" as const, bytes: Buffer.from(`${VALUE}\n`) });
    },
  });
  const at = looking(evidence, NEEDLES);
  at.into.hit({ rule: "value-in-log", subject: "stack-bot1-1", container: "id-bot1", place: "stdout line 7" }, hit);
  await watch(clockOf(), at, { ours, others: [], volumes: [] }, PROJECT, 3_000);
  expect(places(at.into.all)).toEqual(["value-in-log: stdout line 7"]);
});

const hit = { name: "KEY", form: "raw" };
