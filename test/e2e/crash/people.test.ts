/**
 * What people do at each step of a roll: the call is held back while they do it, and goes on afterwards. What they did
 * stands (DESIGN.md rule 8), and no two bots run on one account for longer than the guard takes (H6, H22, H47).
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { GOOD, Walker } from "../harness/walk.ts";
import { longestOverlap } from "../harness/overlap.ts";
import { waitUntil } from "../harness/wait.ts";

// Hundreds of steps, shared among the stacks.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const BAD = "bad-";
const STACKS = 4;
const SERVICE = "bot";
/** From the start of a container that must not run to its end, on a machine that has other things to do. */
const LONGEST_OVERLAP_MS = 5_000;

let walkers: readonly Walker[] = [];
let longest = 0;

beforeAll(async () => {
  walkers = await Promise.all(
    Array.from({ length: STACKS }, () => Walker.start([{ name: SERVICE, refuses: BAD, isInjected: true }])),
  );
});

afterAll(() => Promise.all(walkers.map((one) => one.close())));

interface Deed {
  readonly what: string;
  readonly act: (walker: Walker) => Promise<unknown>;
  /** How many containers may run afterwards. */
  readonly running: readonly number[];
  /** The same at certain calls of the roll. */
  readonly at?: Readonly<Record<string, readonly number[]>>;
}

/** It came between our last look and our last call, which removes the other one. */
const TOO_LATE = { "DELETE container": [0, 1] };
/** There was no copy yet that could have been meant to stay. */
const TAKEN_AWAY = { "POST create": [0] };

const compose =
  (...args: readonly string[]) =>
  (walker: Walker) =>
    walker.stack.tryCompose(...args);

/** The container that ran before the roll, or its copy. */
const remove = (isCopy: boolean) => async (walker: Walker) => {
  const all = await walker.stack.containersOf(SERVICE);
  const copy = all.find((one) => one.Config.Labels["sidecrypt.replaces"] === walker.before);
  const id = isCopy ? copy?.Id : walker.before;
  if (id !== undefined) await walker.stack.engine.tryDocker("rm", "--force", id);
};

const DEEDS: readonly Deed[] = [
  { what: "docker compose up", act: compose("up", "--detach", SERVICE), running: [1] },
  { what: "docker compose start", act: compose("start", SERVICE), running: [1] },
  { what: "docker compose restart", act: compose("restart", SERVICE), running: [1] },
  // Where nothing ran at the time, nothing shows that somebody wanted it stopped.
  { what: "docker compose stop", act: compose("stop", SERVICE), running: [0, 1] },
  { what: "docker compose rm", act: compose("rm", "--stop", "--force", SERVICE), running: [0] },
  { what: "docker rm of the old one", act: remove(false), running: [1], at: { ...TAKEN_AWAY, ...TOO_LATE } },
  { what: "docker rm of the new one", act: remove(true), running: [1], at: TOO_LATE },
];

async function during(walker: Walker, n: number, prefix: string, deed: Deed): Promise<string[]> {
  const key = await walker.begin({ n, trouble: "hold", among: "changes", prefix });
  const events = walker.stack.events();
  const where = (): string => `${deed.what} at ${n} ${walker.proxy.struck ?? "(never)"} of a roll on a ${prefix} key`;
  try {
    await walker.proxy.untilStruck();
    await deed.act(walker);
    walker.proxy.release();
    const { broken, running } = await walker.quiet(key);
    const overlap = longestOverlap(events.all);
    longest = Math.max(longest, overlap);
    if (overlap > LONGEST_OVERLAP_MS) broken.push(`two ran at once for ${overlap.toFixed(0)} ms`);
    const allowed = deed.at?.[walker.proxy.struck ?? ""] ?? deed.running;
    if (!allowed.includes(running)) broken.push(`${running} containers run`);
    process.stderr.write(`${where()} overlap ${overlap.toFixed(0)} running ${running} ${JSON.stringify(broken)}\n`);
    return broken.map((one) => `${where()}: ${one}`);
  } catch (thrown) {
    return [`${where()}: ${String(thrown)}`, await walker.stack.report()];
  } finally {
    walker.proxy.release();
    events.close();
    await walker.renew();
  }
}

test.each([
  ["passes", GOOD, 8],
  ["fails", BAD, 13],
])("H6, H22, H47: a person's hand at each call of a roll whose gate %s", async (_, prefix, count) => {
  const left = DEEDS.flatMap((deed) => Array.from({ length: count }, (__, index) => ({ deed, n: index + 1 })));
  const broken: string[] = [];
  await Promise.all(
    walkers.map(async (walker) => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        broken.push(...(await during(walker, next.n, prefix, next.deed)));
      }
    }),
  );
  process.stdout.write(`longest time that two bots ran on one account: ${longest.toFixed(0)} ms\n`);
  expect(broken).toEqual([]);
});

test("docker compose down at each call of a roll leaves no container, and does not wait for the sidecar in vain", async () => {
  const left = Array.from({ length: 13 }, (_, index) => index + 1);
  const broken: string[] = [];
  await Promise.all(
    walkers.map(async (walker) => {
      for (let n = left.shift(); n !== undefined; n = left.shift()) {
        await walker.begin({ n, trouble: "hold", among: "changes", prefix: BAD });
        await walker.proxy.untilStruck();
        const down = walker.stack.compose("down");
        await waitUntil("the bot is gone", async () => (await walker.stack.containersOf(SERVICE)).length === 0);
        walker.proxy.release();
        await down;
        const rows = await walker.stack.containers();
        broken.push(...rows.map((one) => `down at ${n} ${walker.proxy.struck ?? ""}: ${one.Name} is left`));
        await walker.renew();
      }
    }),
  );
  expect(broken).toEqual([]);
});
