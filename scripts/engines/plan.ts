/** Which tests run on which engine with which Compose. */

/** An engine and the Compose of its time: the whole suite runs on each of these. */
const PAIRS = [
  { engine: "20.10", compose: "2.26" },
  { engine: "26.1", compose: "2.40" },
  { engine: "28.5", compose: "5.4" },
] as const;

const filesOf = (names: readonly string[]): string[] => names.map((name) => `test/e2e/${name}.test.ts`);

/** The tests that depend on what Compose itself does; the other pairs run these. */
export const COMPARING = filesOf(["faithful", "hands", "bringup"]);

/** The tests whose end another engine or Compose can change: what a container is made of, and what Compose does to it. */
export const DEPENDING = [
  ...COMPARING,
  ...filesOf([
    "fake-engine",
    "container-cache",
    "hazards/injected",
    "hazards/namespaces",
    "hazards/networks",
    "hazards/values",
    "ladder/rungs",
  ]),
];
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
}

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
  --brief           each engine with the Compose of its time alone, and only the tests whose end these can change`;

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
  const runs = (composes.length > 0 ? everyPair() : usual(files, flags.includes("--brief")))
    .map((run) => (files.length > 0 ? { ...run, files } : run))
    .filter(({ engine, compose }) => isAsked(engine, engines) && isAsked(compose, composes));
  return {
    runs,
    atOnce: atOnce === undefined ? defaultAtOnce : Number(atOnce),
    afterTest: flags.includes("--after-test"),
  };
}

const isFlag = (flag: string): boolean => /^--(after-test|brief|at-once=[1-9])$/.test(flag);
/** 2 begins 2.26 and 2.40, and 2.4 neither. */
const begins = (version: string, wanted: string): boolean => `${version}.`.startsWith(`${wanted}.`);
const isAsked = (version: string, wanted: readonly string[]): boolean =>
  wanted.length === 0 || wanted.some((one) => begins(version, one));

function usual(files: readonly string[], isBrief: boolean): Run[] {
  const whole = PAIRS.map((pair) => ({ ...pair, files: isBrief ? DEPENDING : [] }));
  return files.length > 0 || isBrief ? whole : [...whole, ...CROSSED.map((pair) => ({ ...pair, files: COMPARING }))];
}

function everyPair(): Run[] {
  return PAIRS.flatMap(({ engine }) => PAIRS.map(({ compose }) => ({ engine, compose, files: [] })));
}
