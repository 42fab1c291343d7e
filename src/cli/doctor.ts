import { composeFindings, type Finding } from "../compose-model/index.ts";
import { viewOf } from "../compose-model/view.ts";
import { diagnose } from "../doctor/index.ts";
import { parseArguments } from "./arguments.ts";
import { readCompose } from "./compose.ts";
import { factsOfHost, imageFacts } from "./doctor-host.ts";
import { isInside, lookInside } from "./doctor-inside.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

/** Something is to be mended. */
const FOUND = 1;

export async function doctor(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const flags = { compose: { type: "string" }, json: { type: "boolean" } } as const;
  const parsed = parseArguments(argv, { command: "doctor", flags, operands: 0 });
  const file = parsed.value("compose");
  const findings = file === null && (await isInside(io)) ? await lookInside(io) : await lookAtModel(file, io);
  ui.out(parsed.has("json") ? JSON.stringify({ findings }, null, 2) : printed(findings));
  return findings.some(({ severity }) => severity === "error") ? FOUND : 0;
}

async function lookAtModel(file: string | null, io: Io): Promise<Finding[]> {
  const model = await readCompose(file, io, "doctor");
  const images = await imageFacts(model, io);
  const view = viewOf(model, images);
  const facts = await factsOfHost(view, io);
  return diagnose(view, facts, composeFindings(model, facts.names ?? []));
}

function printed(findings: readonly Finding[]): string {
  if (findings.length === 0) return "nothing to mend";
  const rows = findings.map(({ severity, check, message, hint }) => {
    return `${severity}: ${message} [${check}]\n${hint.replace(/^/gm, "  ")}`;
  });
  const errors = findings.filter(({ severity }) => severity === "error").length;
  return [...rows, `${count(errors, "error")}, ${count(findings.length - errors, "warning")}`].join("\n");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
