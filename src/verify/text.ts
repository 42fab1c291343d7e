/** A report for people. Pure. */
import type { Unchecked } from "../search/index.ts";
import type { Finding, Gap, Severity, VerifyReport } from "./types.ts";

const VERDICTS: Readonly<Record<VerifyReport["verdict"], string>> = {
  clean: "clean: nothing was found, and everything was looked at",
  leak: "LEAK: a secret stands where it must not",
  misconfigured: "misconfigured: no secret was found, and something has to be mended",
  incomplete: "incomplete: no secret was found, and not everything could be looked at",
};

const HEADINGS: readonly (readonly [Severity, string])[] = [
  ["leak", "leaks"],
  ["misconfigured", "to be mended"],
  ["warning", "warnings"],
  ["declared", "declared"],
];

export function printReport(report: VerifyReport): string {
  const { findings, gaps, limits, unchecked, weak } = report;
  const blocks = [
    `${report.project}: ${VERDICTS[report.verdict]}`,
    looked(report),
    ...HEADINGS.map(([severity, heading]) =>
      block(heading, findings.filter((one) => one.severity === severity).flatMap(lines)),
    ),
    block("not looked at", gaps.map(gapLine)),
    block("beyond this look", limits.map(gapLine)),
    block("secrets that are not searched for", unchecked.map(uncheckedLine)),
    block("secrets that are searched for only as a whole field or as NAME=value", weak.map(uncheckedLine)),
  ];
  return blocks.filter((one) => one !== "").join("\n\n");
}

function looked({ looked: of, selfTest }: VerifyReport): string {
  const places = [
    `${of.secrets} secrets`,
    `${of.containers} containers`,
    `${of.processes} processes`,
    `${of.files} files`,
    `${Math.ceil(of.logBytes / 1024)} KiB of logs`,
    `${of.events} events`,
    `${of.images} images`,
    `${of.volumes} volumes`,
    `${of.networks} networks`,
  ];
  const test =
    selfTest === null
      ? "self-test: not done"
      : `self-test: ${selfTest.planted - selfTest.missed.length} of ${selfTest.planted} planted leaks found`;
  return `looked at ${places.join(", ")}\n${test}`;
}

function block(heading: string, rows: readonly string[]): string {
  return rows.length === 0 ? "" : [`${heading}:`, ...rows.map((row) => `  ${row}`)].join("\n");
}

function lines({ rule, subject, place, form, message, hint }: Finding): string[] {
  const where = place === "" ? subject : `${subject}: ${place}`;
  const how = form === null || form === "raw" ? "" : ` (${form})`;
  return [`${where}: ${message}${how} [${rule}]`, ...(hint === undefined ? [] : [`  hint: ${hint}`])];
}

const gapLine = ({ subject, what, why }: Gap): string => `${subject}: ${what}: ${why}`;
const uncheckedLine = ({ name, why }: Unchecked): string => `${name}: ${why}`;
