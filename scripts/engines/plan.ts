/** Which tests run on which engine with which Compose. */

/** An engine and the Compose of its time: the whole suite runs on each of these. */
const PAIRS = [
  { engine: "20.10", compose: "2.26" },
  { engine: "26.1", compose: "2.40" },
  { engine: "28.5", compose: "5.4" },
] as const;

/** The tests that depend on what Compose itself does; the other pairs run these. */
export const COMPARING = ["faithful", "hands", "bringup", "readme"].map((name) => `test/e2e/${name}.test.ts`);
const CROSSED = [
  { engine: "20.10", compose: "2.40" },
  { engine: "20.10", compose: "5.4" },
  { engine: "28.5", compose: "2.26" },
] as const;

export interface Run {
  readonly engine: string;
  readonly compose: string;
  /** None: all of them. */
  readonly files: readonly string[];
  /** Neither those that walk a roll call by call. */
  readonly withoutWalks?: boolean;
}

/** They take minutes each. */
export const WALKS = "test/e2e/crash/**";

export interface Wish {
  readonly runs: readonly Run[];
  /** Engines that run beside each other. */
  readonly atOnce: number;
  /** `npm test` has passed on the main engine: what it is needs no second run. */
  readonly afterTest: boolean;
}

export const USAGE = `npm run test:engines -- [ENGINE...] [compose-VERSION...] [FILE...] [--at-once=N] [--after-test]

  ENGINE            ${PAIRS.map(({ engine }) => engine).join(", ")}, or the beginning of one
  compose-VERSION   ${PAIRS.map(({ compose }) => compose).join(", ")}, or the beginning of one
  FILE              such as test/e2e/redis.test.ts
  --at-once=N       engines beside each other
  --after-test      npm test has passed here: its engine and Compose need no second run
  --pairs-only      each engine with the Compose of its time alone
  --without-walks   all but ${WALKS}, where a roll is walked call by call`;

/** Null: not understood. */
export function wishOf(args: readonly string[], defaultAtOnce: number): Wish | null {
  const files = args.filter((arg) => arg.endsWith(".test.ts"));
  const flags = args.filter((arg) => arg.startsWith("--"));
  const atOnce = flags.map((flag) => /^--at-once=([1-9])$/.exec(flag)?.[1]).find((digit) => digit !== undefined);
  const engines = args.filter((arg) => /^\d/.test(arg));
  const composes = args.filter((arg) => arg.startsWith("compose-")).map((arg) => arg.slice("compose-".length));
  const known = [...files, ...engines, ...composes].length + flags.filter(isFlag).length;
  if (known !== args.length) return null;
  if (!engines.every((wanted) => PAIRS.some(({ engine }) => begins(engine, wanted)))) return null;
  if (!composes.every((wanted) => PAIRS.some(({ compose }) => begins(compose, wanted)))) return null;
  const runs = (composes.length > 0 ? everyPair() : usual(files, flags.includes("--pairs-only")))
    .map((run) => (files.length > 0 ? { ...run, files } : run))
    .map((run) => (flags.includes("--without-walks") ? { ...run, withoutWalks: true } : run))
    .filter(({ engine, compose }) => isAsked(engine, engines) && isAsked(compose, composes));
  return {
    runs,
    atOnce: atOnce === undefined ? defaultAtOnce : Number(atOnce),
    afterTest: flags.includes("--after-test"),
  };
}

const isFlag = (flag: string): boolean => /^--(after-test|pairs-only|without-walks|at-once=[1-9])$/.test(flag);
/** 2 begins 2.26 and 2.40, and 2.4 neither. */
const begins = (version: string, wanted: string): boolean => `${version}.`.startsWith(`${wanted}.`);
const isAsked = (version: string, wanted: readonly string[]): boolean =>
  wanted.length === 0 || wanted.some((one) => begins(version, one));

function usual(files: readonly string[], isPairsOnly: boolean): Run[] {
  const whole = PAIRS.map((pair) => ({ ...pair, files: [] }));
  return files.length > 0 || isPairsOnly
    ? whole
    : [...whole, ...CROSSED.map((pair) => ({ ...pair, files: COMPARING }))];
}

function everyPair(): Run[] {
  return PAIRS.flatMap(({ engine }) => PAIRS.map(({ compose }) => ({ engine, compose, files: [] })));
}
