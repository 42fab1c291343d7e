/** A rotation, from the file's change on: one size of stack after the other, the three ways in turns. */
import { run, until } from "../scripts/demo/run.ts";
import { note } from "../scripts/demo/print.ts";
import type { Api } from "./api.ts";
import type { Report } from "./report.ts";
import { SidecarLog } from "./sidecar-log.ts";
import { OURS, PROJECT, SIDECAR, Stacks } from "./stacks.ts";
import { median, milliseconds, ratio } from "./statistics.ts";
import { DEBOUNCE, Floor, operatorTurn, pause, sidecarTurn, typicalDown } from "./turns.ts";
import type { Bench, OperatorRun, Run, SidecarRun } from "./turns.ts";

export interface RotationOptions {
  readonly api: Api;
  readonly socket: string;
  readonly sops: string;
  /** Of the bots. */
  readonly image: string;
  /** Bots, and how often each change is measured. */
  readonly sizes: readonly { readonly bots: number; readonly one: number; readonly shared: number }[];
}

interface Measured {
  readonly bots: number;
  readonly shared: boolean;
  readonly ours: readonly SidecarRun[];
  readonly operator: readonly OperatorRun[];
  readonly floor: readonly Run[];
}

const STARTED_WITHIN = 300_000;
/**
 * Milliseconds of quiet before each change, as before nearly every change in life: after ten seconds of it the sidecar
 * reads what a roll will want to know of each new container (daemon/study.ts), half a second for each.
 */
const QUIET = 11_000;
const READ_IN = 600;

export async function measureRotations(options: RotationOptions, report: Report): Promise<void> {
  const all: Measured[] = [];
  try {
    for (const size of options.sizes) all.push(...(await measureSize(options, size)));
  } finally {
    // What was measured before something failed is shown all the same.
    if (all.length > 0) tell(all, report);
  }
}

async function measureSize(
  { api, socket, sops, image }: RotationOptions,
  { bots, one, shared }: RotationOptions["sizes"][number],
): Promise<Measured[]> {
  note(`${bots} bots: two stacks come up`);
  const stacks = await Stacks.create(bots, socket, image);
  const floor = new Floor(api);
  let [looker, log]: [string | null, SidecarLog | null] = [null, null];
  process.env["SOPS_AGE_KEY_FILE"] = stacks.bundle.keyFile;
  try {
    await stacks.up(sops);
    const sidecar = (await run("docker", [...stacks.composeArgs(OURS), "ps", "--quiet", SIDECAR])).trim();
    looker = await startLooker(stacks, image);
    log = new SidecarLog(sidecar);
    await until("every consumer is current", STARTED_WITHIN, () => allCurrent(sidecar, bots));
    const bench: Bench = { api, stacks, log, looker, sops };
    await pause(bots * READ_IN);
    const first = await measure(bench, floor, false, one);
    // With one bot, its own key and the shared one are the same case; a quick run leaves out what takes minutes.
    return shared === 0 ? [first] : [first, await measure(bench, floor, true, shared)];
  } finally {
    log?.close();
    await floor.end();
    if (looker !== null) await api.remove(looker);
    await stacks.down();
  }
}

async function startLooker(stacks: Stacks, image: string): Promise<string> {
  const volumes = stacks.numbers.flatMap((number) => [
    "-v",
    `${OURS}_bot${number}-secrets:/drops/bot${number}:ro,nocopy`,
  ]);
  const name = ["--name", `${PROJECT}-looker`];
  const args = [
    "run",
    "--detach",
    ...name,
    "--network",
    "none",
    ...volumes,
    "--entrypoint",
    "sleep",
    image,
    "infinity",
  ];
  return (await run("docker", args)).trim();
}

async function allCurrent(sidecar: string, bots: number): Promise<true | null> {
  const status = await run("docker", ["exec", sidecar, "sidecrypt", "status", "--json"]).catch(() => "{}");
  const { consumers = [] } = JSON.parse(status) as { consumers?: readonly { readonly state: string }[] };
  return consumers.length === bots && consumers.every(({ state }) => state === "current") ? true : null;
}

async function measure(bench: Bench, floor: Floor, shared: boolean, times: number): Promise<Measured> {
  const { stacks } = bench;
  const numbers = shared ? stacks.numbers : [1];
  await floor.begin(numbers);
  const [ours, operator, byHand]: [SidecarRun[], OperatorRun[], Run[]] = [[], [], []];
  for (let turn = 1; turn <= times; turn++) {
    await pause(QUIET + numbers.length * READ_IN);
    ours.push(await sidecarTurn(bench, shared));
    operator.push(await operatorTurn(bench, shared));
    byHand.push(await floor.turn(numbers));
    await pause(500);
  }
  note(`${stacks.bots} bots: ${shared ? "a shared key" : "one key"} changed ${times} times, each way`);
  return { bots: stacks.bots, shared, ours, operator, floor: byHand };
}

// ------------------------------------------------------------------------------------------------------------ telling

function tell(all: readonly Measured[], report: Report): void {
  report.table(
    `From the file's change (the quiet of ${DEBOUNCE} ms after it included, but for the first column)`,
    [
      "BOTS",
      "CHANGED",
      "TIMES",
      "FILES SWAPPED (quiet taken off)",
      "NEW ONE RUNS",
      "COMMITTED",
      "OF IT THE GATE",
      "MADE",
    ],
    all.map((one) => [...caseOf(one), String(one.ours.length), ...progress(one)]),
    [
      "The gate here is one `sidecrypt.probe` that passes at once. Of a shared key that changed: the first drop and the " +
        "last one, since the bots are replaced one after the other; the other figures are those of the last one.",
      `Before each change nothing happens for ${QUIET / 1000} s and more, in which the sidecar reads the layers of new containers.`,
    ],
  );
  report.table(
    "Until the new containers run, against (a) `sops decrypt` and `docker compose up -d --force-recreate SERVICE`, and (b) the calls alone",
    ["BOTS", "CHANGED", "SIDECAR", "(a)", "(a) RETURNED", "(b)", "SIDECAR / (a) RETURNED"],
    all.map((one) => [...caseOf(one), ...speed(one)]),
    [
      "Compose replaces several at once, with every bot down meanwhile; the sidecar and (b) replace one after the other.",
    ],
  );
  report.table(
    "How long a bot was down, from the signal that ends the old one to the start of the new one",
    ["BOTS", "CHANGED", "SIDECAR", "(a)", "(b)", "SIDECAR / (b)", "(a) / (b)"],
    all.map((one) => [...caseOf(one), ...downtime(one)]),
  );
  report.table(
    "Where the time goes: one key changed, medians of each step",
    ["STEP", ...all.filter((one) => !one.shared).map(({ bots }) => `${bots} BOTS`)],
    steps(all.filter((one) => !one.shared)),
  );
  judge(all, report);
}

const caseOf = ({ bots, shared }: Measured): string[] => [String(bots), shared ? `shared: all ${bots}` : "1"];

const med = <T>(runs: readonly T[], of: (run: T) => number): number => median(runs.map(of));

function progress({ ours, shared }: Measured): string[] {
  const first = milliseconds(med(ours, (one) => one.swappedFirst));
  const last = milliseconds(med(ours, (one) => one.swappedLast));
  return [
    shared ? `${first} … ${last}` : first,
    milliseconds(med(ours, (one) => one.running)),
    milliseconds(med(ours, (one) => one.committed)),
    milliseconds(med(ours, (one) => one.gates)),
    `${Math.max(...ours.map((one) => one.created))} of ${ours[0]!.affected} needed`,
  ];
}

function speed({ ours, operator, floor }: Measured): string[] {
  const [mine, theirs, returned] = [
    med(ours, (one) => one.running),
    med(operator, (one) => one.running),
    med(operator, (one) => one.returned),
  ];
  const bare = med(floor, (one) => one.running);
  return [...[mine, theirs, returned, bare].map(milliseconds), ratio(mine / returned)];
}

function downtime({ ours, operator, floor }: Measured): string[] {
  const [mine, theirs, bare] = [typicalDown(ours), typicalDown(operator), typicalDown(floor)];
  return [...[mine, theirs, bare].map(milliseconds), ratio(mine / bare), ratio(theirs / bare)];
}

function steps(all: readonly Measured[]): string[][] {
  const names = [...(all[0]?.ours[0]?.steps.keys() ?? [])];
  return names.map((name) => [name, ...all.map(({ ours }) => milliseconds(med(ours, (one) => one.steps.get(name)!)))]);
}

const FILES_WITHIN = 150;
const DOWN_AT_MOST = 1.1;

function judge(all: readonly Measured[], report: Report): void {
  for (const one of all.filter(({ shared }) => !shared)) {
    const swapped = med(one.ours, (run) => run.swappedLast);
    const what = `files swapped less than ${FILES_WITHIN} ms after the quiet, 1 of ${one.bots}`;
    report.target(what, milliseconds(swapped), swapped < FILES_WITHIN);
  }
  for (const one of all) {
    const more = typicalDown(one.ours) / typicalDown(one.floor);
    const what = `a bot is down at most ${DOWN_AT_MOST} times (b), ${one.shared ? "all" : "1"} of ${one.bots}`;
    report.target(what, ratio(more), more <= DOWN_AT_MOST);
  }
  for (const one of all.filter(({ bots, shared }) => bots === 10 && !shared)) {
    const [mine, theirs] = [med(one.ours, (run) => run.running), med(one.operator, (run) => run.returned)];
    report.target(
      "1 of 10 bots runs anew sooner than by (a)",
      `${milliseconds(mine)} against ${milliseconds(theirs)}`,
      mine < theirs,
    );
  }
  const runs = all.flatMap(({ ours }) => ours);
  const needless = runs.reduce((sum, { created, affected }) => sum + created - affected, 0);
  report.target(
    "nothing is replaced that need not be",
    `${needless} containers in ${runs.length} changes`,
    needless === 0,
  );
}
