/**
 * How plan and delivery grow, in one process under the image's own flags: plan on worlds of literals, deliver on a real
 * tmpfs. Prints JSON: `[{ what, points: [[size, milliseconds], …] }, …]`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { commit, deliver } from "../src/deliver/index.ts";
import { plan } from "../src/plan/index.ts";
import type { Generation } from "../src/types.ts";
import { bundle, container, input, settled, world } from "../test/plan/builders.ts";
import { median } from "./statistics.ts";

const TMPFS = "/dev/shm/sidecrypt-bench-";
const CONSUMERS = 10;
const SECRETS_EACH = 10;

export type Growth = readonly { readonly what: string; readonly points: readonly (readonly [number, number])[] }[];

const [largestSecrets = "10000", largestConsumers = "200", times = "5"] = process.argv.slice(2);

const upTo = (largest: number, sizes: readonly number[]): number[] => sizes.filter((size) => size <= largest);
const SECRETS = upTo(Number(largestSecrets), [10, 100, 1_000, 10_000]);
const CONSUMER_COUNTS = upTo(Number(largestConsumers), [1, 10, 50, 100, 200]);

async function timed(work: () => void | Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function growth(sizes: readonly number[], measure: (size: number) => Promise<() => Promise<number>>) {
  const points: [number, number][] = [];
  for (const size of sizes) {
    const once = await measure(size);
    const looks: number[] = [];
    // The first one pays for what is loaded and compiled on the way.
    await once();
    while (looks.length < Number(times)) looks.push(await once());
    points.push([size, median(looks)]);
  }
  return points;
}

/** One value has changed, of this many consumers with this many secrets each. */
function planning(consumers: number, each: number): () => Promise<number> {
  const numbers = Array.from({ length: consumers }, (_, index) => index);
  const names = numbers.flatMap((number) => Array.from({ length: each }, (_, index) => `BOT${number}_KEY_${index}`));
  const before = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
  const bots = numbers.map((number) => container(`bot${number}`, { secrets: `BOT${number}_*` }));
  const observed = settled(world(bots), bundle(before));
  const after = bundle({ ...before, [names[0]!]: "another value" });
  return () =>
    timed(() => {
      const { units } = plan(input(observed, after));
      if (units.length !== 1) throw new Error(`one unit was to be planned, not ${units.length}`);
    });
}

async function delivering(drops: number, files: number): Promise<() => Promise<number>> {
  const paths: string[] = [];
  for (let drop = 0; drop < drops; drop++) paths.push(await mkdtemp(TMPFS));
  process.once("exit", () => undefined);
  made.push(...paths);
  let round = 0;
  return () => {
    round += 1;
    return timed(async () => {
      for (const path of paths) {
        const drop = { volume: "bench", path };
        await deliver(drop, generation(files, round), []);
        await commit(drop);
      }
    });
  };
}

function generation(files: number, round: number): Generation {
  const entries = Array.from({ length: files }, (_, index) => [`KEY_${index}`, Buffer.from(`value ${round}`)] as const);
  return { volume: "bench", id: round.toString(16).padStart(32, "0"), files: new Map(entries), bundleDigest: null };
}

const made: string[] = [];
try {
  const each = (secrets: number): number => secrets / CONSUMERS;
  const found: Growth = [
    {
      what: `plan, secrets of ${CONSUMERS} consumers`,
      points: await growth(SECRETS, (n) => Promise.resolve(planning(CONSUMERS, each(n)))),
    },
    {
      what: `plan, consumers of ${SECRETS_EACH} secrets`,
      points: await growth(CONSUMER_COUNTS, (n) => Promise.resolve(planning(n, SECRETS_EACH))),
    },
    { what: "deliver and commit, secrets on one drop", points: await growth(SECRETS, (n) => delivering(1, n)) },
    {
      what: `deliver and commit, drops of ${SECRETS_EACH} secrets`,
      points: await growth(CONSUMER_COUNTS, (n) => delivering(n, SECRETS_EACH)),
    },
  ];
  process.stdout.write(JSON.stringify(found));
} finally {
  for (const path of made) await rm(path, { recursive: true, force: true });
}
