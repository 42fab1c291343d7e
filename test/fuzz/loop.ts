/** Runs a target on inputs, and holds it to what every parser owes: an answer or an error of ours, soon, with little memory. */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { SidecryptError } from "../../src/errors.ts";
import type { Coverage } from "./coverage.ts";
import { binaryOf, isLarge, largeInputs } from "./large.ts";
import { mutate, randomFrom } from "./mutate.ts";
import { Broken, type Target } from "./target.ts";

/** Milliseconds for one input, for each 64 KiB that it has begun, on a machine that others use too. */
const MOST_TIME = 2_000;
const UNIT = 64 * 1024;
/** Bytes that the process may grow by over a whole run. */
const MOST_MEMORY = 512 * 1024 * 1024;
/** Small, since all of a batch that reaches something new is kept. */
const BATCH = 16;

export class Finding extends Error {
  readonly input: Buffer;

  constructor(target: string, what: string, input: Buffer) {
    super(`${target}: ${what}; ${shownInput(input)}`);
    this.input = input;
  }
}

/** Throws a {@link Finding}. */
export async function check(target: Target, input: Buffer): Promise<void> {
  const started = performance.now();
  try {
    await target.run(input);
  } catch (thrown) {
    if (thrown instanceof Broken) throw new Finding(target.name, thrown.message, input);
    if (!(thrown instanceof SidecryptError)) throw new Finding(target.name, `threw ${shown(thrown)}`, input);
    if (thrown.code === "internal") throw new Finding(target.name, `is a defect: ${thrown.message}`, input);
  }
  const took = performance.now() - started;
  if (took > MOST_TIME * Math.max(1, Math.ceil(input.length / UNIT)))
    throw new Finding(target.name, `took ${Math.round(took)} ms`, input);
}

/** A large one is made of few different bytes: its beginning tells which one it is. */
function shownInput(input: Buffer): string {
  const start = input.subarray(0, UNIT).toString("base64");
  return `the input${input.length > UNIT ? `'s first ${UNIT} of ${input.length} bytes` : ""} in base64: ${start}`;
}

function shown(thrown: unknown): string {
  return String(thrown).slice(0, 300);
}

export interface Limits {
  readonly seed: number;
  readonly inputs?: number;
  /** Milliseconds. */
  readonly time?: number;
  readonly coverage?: Coverage;
}

/** Returns how many inputs were run. Yields after each batch. */
export async function fuzz(target: Target, limits: Limits): Promise<number> {
  const { seed, inputs = Infinity, time = Infinity, coverage } = limits;
  const random = randomFrom(seed);
  const corpus: Buffer[] = [...target.seeds.map((input) => Buffer.from(input as Uint8Array)), binaryOf(seed, 256)];
  for (const input of corpus) await check(target, input);
  await coverage?.news();
  const started = performance.now();
  const memory = process.memoryUsage().rss;
  let done = 0;
  while (done < inputs && performance.now() - started < time) {
    const batch = Array.from({ length: Math.min(BATCH, inputs - done) }, () => mutate(corpus, target.words, random));
    for (const input of batch) await check(target, input);
    if (coverage !== undefined && (await coverage.news()) > 0) corpus.push(...batch.filter((one) => one.length < 4096));
    if (corpus.length > 4096) corpus.splice(target.seeds.length + 1, 1024);
    done += batch.length;
    await setImmediate();
  }
  if (isLarge(target)) for (const input of largeInputs(target)) await check(target, input);
  const grown = process.memoryUsage().rss - memory;
  if (grown > MOST_MEMORY) throw new Finding(target.name, `grew by ${grown} bytes`, Buffer.alloc(0));
  return done;
}
