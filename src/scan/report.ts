/** The report as JSON and as text: names and places only. */
import type { Allowed, Finding, NotChecked, ScanReport, Scope } from "./types.ts";

export type Status = "pass" | "fail" | "incomplete";

export function statusOf(scopes: readonly Pick<Scope, "findings" | "notChecked">[]): Status {
  if (scopes.some(({ findings }) => findings.length > 0)) return "fail";
  return scopes.some(({ notChecked }) => notChecked.length > 0) ? "incomplete" : "pass";
}

/** 0 nothing found and all looked at, 1 found, 3 not all looked at. */
export const SCAN_STATUS: Readonly<Record<Status, number>> = { pass: 0, fail: 1, incomplete: 3 };

/** `status` is what a machine reads first: whatever is not a pass is a `fail`. */
export function reportJson({ scopes, unsearched }: ScanReport, at: Date, version: string): string {
  const status = statusOf(scopes);
  const report = {
    status: status === "pass" ? "pass" : "fail",
    complete: scopes.every(({ notChecked }) => notChecked.length === 0),
    generatedAt: at.toISOString(),
    tool: { name: "sidecrypt", version },
    scopes: scopes.map((scope) => ({ ...scope, status: statusOf([scope]) === "pass" ? "pass" : "fail" })),
    unsearched,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

export function reportLines({ scopes, unsearched }: ScanReport): string[] {
  return [
    ...scopes.flatMap(({ findings }) => findings.flatMap((one) => findingLines("found", one))),
    ...scopes.flatMap(({ warnings }) => warnings.flatMap((one) => findingLines("warning", one))),
    ...scopes.flatMap(({ allowed }) => allowed.map(allowedLine)),
    ...scopes.flatMap(({ notChecked }) => notChecked.map(notCheckedLine)),
    ...unsearched.map(({ place, why }) => `not searched for: ${place}: ${why}`),
    ...scopes.map(scopeLine),
  ];
}

function findingLines(what: string, one: Finding): string[] {
  const line = `${what}: ${placed(one)}: ${one.name}, ${one.form}${times(one)}`;
  return one.hint === undefined ? [line] : [line, one.hint.replace(/^/gm, "  ")];
}

function allowedLine(one: Allowed): string {
  const what = one.count === 0 ? "not looked at" : `${one.name}, ${one.form}${times(one)}`;
  return `allowed: ${placed(one)}: ${what}: ${one.reason}`;
}

function placed({ place, lines: [line] }: Finding): string {
  return line === undefined ? place : `${place}:${line}`;
}

function times({ count, lines }: Finding): string {
  if (count <= 1) return "";
  const others = lines.slice(1).join(", ");
  return `, ${count} times${others === "" ? "" : ` (lines ${others}${count > lines.length ? ", …" : ""} too)`}`;
}

function notCheckedLine({ place, why }: NotChecked): string {
  return `not checked: ${place}: ${why}`;
}

const NOUNS: Readonly<Record<Scope["name"], string>> = {
  files: "files",
  stdin: "input",
  git: "objects of the git history",
  staged: "staged files",
  compose: "services",
};

function scopeLine({ name, checked, bytes, findings, notChecked }: Scope): string {
  const size = name === "compose" ? "" : `, ${Math.ceil(bytes / 1024)} KiB`;
  const missed = notChecked.length === 0 ? "" : `, ${notChecked.length} not checked`;
  const found = findings.length === 0 ? "nothing found" : `${findings.length} found`;
  return `${name}: ${checked} ${NOUNS[name]}${size}${missed}: ${found}`;
}
