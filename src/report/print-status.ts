/** A status as text for whoever was woken by it: the verdict, the table, then each trouble with its next command. */
import { formatAge } from "../duration.ts";
import type { Fault } from "../types.ts";
import type { ConsumerState, ConsumerStatus, ContainerStatus, Status } from "./status.ts";

/** As many hex digits of a generation id as are printed; `--json` has all of them. */
const SHORT_ID = 12;

/** States that do not pass by themselves. */
const TROUBLE: ReadonlySet<ConsumerState> = new Set([
  "refused",
  "quarantined",
  "held",
  "failed",
  "stuck",
  "undelivered",
]);

export function printStatus(status: Status): string {
  const age = (since: string): string => formatAge(Date.parse(status.at) - Date.parse(since));
  const { version, since, healthy, bundle } = status;
  const parts = [
    [
      verdict(status),
      `sidecrypt ${version}, ${healthy ? "healthy" : "unhealthy"}, up ${age(since)}`,
      ["bundle", bundle.path ?? "none", bundle.state, bundle.digest12 ?? "", signedBy(bundle)].join(" ").trimEnd(),
    ],
    status.consumers.length === 0 ? [] : table(status.consumers, age),
    [...troubles(status, age)],
    status.warnings.map(({ subject, message }) => `warning: ${subject}: ${message}`),
  ];
  const text = parts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  return `${text.join("\n\n")}\n`;
}

function signedBy({ signers }: Status["bundle"]): string {
  return signers.length === 0 ? "" : `signed by ${[...new Set(signers)].join(", ")}`;
}

/** One line that says whether anybody has to do anything. */
function verdict({ consumers, bundle, faults, unhealthy }: Status): string {
  const total = `${consumers.length} ${consumers.length === 1 ? "consumer" : "consumers"}`;
  const troubled = consumers.filter((one) => TROUBLE.has(one.state) || one.code !== null).map(({ service }) => service);
  // One that is being rolled is at a gate, which says more.
  const ailing = consumers
    .filter((one) => one.state !== "rolling" && one.containers.some(({ unhealthy }) => unhealthy))
    .map(({ service }) => service);
  const ended = consumers.filter((one) => one.containers.some(hasFailed)).map(({ service }) => service);
  const wrong = [
    ...(bundle.state === "ok" ? [] : [`the bundle is ${bundle.state}`]),
    ...(faults.length === 0 ? [] : [`${faults.length} ${faults.length === 1 ? "fault" : "faults"}`]),
    ...(troubled.length === 0 ? [] : [`${troubled.length} of ${total}: ${troubled.join(", ")}`]),
    ...(ailing.length === 0 ? [] : [`unhealthy: ${ailing.join(", ")}`]),
    ...(ended.length === 0 ? [] : [`ended with an error: ${ended.join(", ")}`]),
  ];
  if (wrong.length > 0) return `needs attention: ${wrong.join("; ")}`;
  if (consumers.length === 0)
    return unhealthy[0] ?? "no consumer: no service of this project has the label sidecrypt.secrets";
  const busy = consumers.filter(({ state }) => state !== "current").map(({ service, state }) => `${service} ${state}`);
  if (busy.length > 0) return `at work: ${busy.join(", ")}`;
  return consumers.length === 1 ? "all well: 1 consumer is current" : `all well: ${total} are current`;
}

/** 0: it ended as it should; 130, 137 and 143: someone stopped it. */
const QUIET_ENDS: readonly (number | null)[] = [null, 0, 130, 137, 143];

const hasFailed = ({ exitCode }: ContainerStatus): boolean => !QUIET_ENDS.includes(exitCode);

function table(consumers: readonly ConsumerStatus[], age: (since: string) => string): readonly string[] {
  const rows = consumers.map((consumer) => [
    consumer.service,
    consumer.unproven ? `${consumer.state}, unproven` : consumer.state,
    consumer.generation?.slice(0, SHORT_ID) ?? "-",
    consumer.since === null ? "-" : age(consumer.since),
    containers(consumer.containers),
  ]);
  const all = [["SERVICE", "STATE", "GENERATION", "SINCE", "CONTAINERS"], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `running` or `unhealthy`, or with replicas `2 running, 1 exited 137`: the names are in `--json`, and in `docker compose ps`. */
function containers(all: readonly ContainerStatus[]): string {
  const counts = new Map<string, number>();
  for (const { state, exitCode, unhealthy } of all) {
    const word = unhealthy ? "unhealthy" : exitCode === null ? state : `${state} ${exitCode}`;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  if (counts.size === 0) return "none";
  if (all.length === 1) return [...counts.keys()].join("");
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ");
}

function* troubles(status: Status, age: (since: string) => string): Generator<string> {
  const { bundle, faults, consumers, unhealthy } = status;
  if (bundle.fault !== null) yield* faultLines(`bundle ${bundle.state}`, bundle.fault);
  for (const fault of faults) yield* faultLines(fault.subject, fault);
  for (const consumer of consumers) {
    if (consumer.reason !== null) yield* consumerLines(consumer, status, age);
  }
  const said = new Set([bundle.fault, ...faults].map((fault) => fault?.message));
  for (const reason of unhealthy) if (!said.has(reason)) yield `unhealthy: ${reason}`;
}

function* faultLines(head: string, { code, message, hint }: Fault): Generator<string> {
  yield `${head}: ${message} [${code}]`;
  if (hint !== undefined) yield `  hint: ${hint}`;
}

function* consumerLines(
  { service, state, reason, code, hint, wanted }: ConsumerStatus,
  { quarantine }: Status,
  age: (since: string) => string,
): Generator<string> {
  const at =
    state === "quarantined" ? quarantine.findLast(({ services }) => services.includes(service))?.at : undefined;
  const when = at === undefined ? "" : ` ${age(at)} ago`;
  const target = wanted === null ? "" : ` (wants ${wanted.slice(0, SHORT_ID)})`;
  yield `${service}: ${state}${when}: ${reason ?? ""}${target}${code === null ? "" : ` [${code}]`}`;
  if (hint !== null) yield `  hint: ${hint}`;
}
