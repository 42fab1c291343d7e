/**
 * The labels of one container → what it asks for. Takes labels, returns a value, a fault, or null for a container that
 * is not ours; guesses nothing (DESIGN.md, Labels on a consumer).
 */
import * as z from "zod";
import { nearest } from "../near.ts";
import { DAY, parseDuration } from "../duration.ts";
import type { ListFormat } from "../render/index.ts";
import type { Consumer, Fault, Observed, OnChange } from "../types.ts";
import { faultOf } from "./faults.ts";
import { isFileName, parsePatterns, wordsOf, type Pattern } from "./select.ts";

export const LABEL_PREFIX = "sidecrypt.";

/** Written by a roll (DESIGN.md rule 4); they ask for nothing. */
const JOURNAL = new Set(["replaces", "generation", "unit"]);

const SIGNALS = new Set("HUP INT QUIT USR1 USR2 TERM ALRM CONT TTIN TTOU URG WINCH".split(" "));

/** How secrets become files: one each, or all in one. */
export type FileFormat = "files" | ListFormat;

/** `FILE>NAME`: a file beside the bundle, and the one on the drop that it makes. */
export interface TemplateAsk {
  readonly template: string;
  readonly file: string;
}

export interface ConsumerLabels {
  readonly patterns: readonly Pattern[];
  readonly formats: readonly FileFormat[];
  readonly templates: readonly TemplateAsk[];
  /** Empty: none. */
  readonly stripPrefix: string;
  readonly onChange: OnChange;
  readonly order: Consumer["order"];
  readonly onFailure: Consumer["onFailure"];
  readonly after: readonly string[];
  readonly probe: string | null;
  readonly healthTimeout: number | null;
  readonly settle: number | null;
  /** Values in its own process environment are declared: no leak to `verify`. */
  readonly envAllowed: boolean;
}

/** Why a label's value is not accepted; never repeats the value. */
class Complaint {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

function label<T>(parse: (text: string) => T | Complaint) {
  return z.string().transform((text, context): T => {
    const parsed = parse(text.trim());
    if (!(parsed instanceof Complaint)) return parsed;
    context.addIssue({ code: "custom", message: parsed.message });
    return z.NEVER;
  });
}

function choice<T extends string>(...values: readonly T[]) {
  return label(
    (text): T | Complaint => values.find((one) => one === text) ?? new Complaint(`is not one of ${values.join(", ")}`),
  );
}

const duration = (least: number) =>
  label((text) => {
    const parsed = parseDuration(text);
    if (parsed === null) return new Complaint("is not a duration such as 30s, 1m30s or 500ms");
    return parsed >= least && parsed <= DAY ? parsed : new Complaint(`is not between ${least}ms and 24h`);
  });

const SCHEMA = z.strictObject({
  secrets: label((text) => {
    const patterns = parsePatterns(text);
    return typeof patterns === "string" ? new Complaint(`: ${patterns}`) : patterns;
  }),
  "strip-prefix": label((text) =>
    /^[A-Za-z0-9_.-]+$/.test(text) ? text : new Complaint("is not the beginning of a name"),
  ).optional(),
  format: label(parseFormat).optional(),
  template: label(parseTemplates).optional(),
  "on-change": label(parseOnChange).optional(),
  order: choice("stop-first", "start-first").optional(),
  after: label((text) =>
    wordsOf(text).every((word) => /^[A-Za-z0-9._-]+$/.test(word)) ? wordsOf(text) : new Complaint("names no services"),
  ).optional(),
  probe: label((text) => (text === "" ? new Complaint("is empty") : text)).optional(),
  "health-timeout": duration(1).optional(),
  settle: duration(0).optional(),
  "on-failure": choice("rollback", "keep", "stop").optional(),
  env: choice("allowed").optional(),
});

function parseFormat(text: string): readonly FileFormat[] | Complaint {
  const known: readonly FileFormat[] = ["files", "dotenv", "json"];
  const words = wordsOf(text);
  const formats = known.filter((format) => words.includes(format));
  const isKnown = words.length > 0 && words.every((word) => known.some((format) => format === word));
  return isKnown ? formats : new Complaint(`is not one of ${known.join(", ")}`);
}

function parseTemplates(text: string): readonly TemplateAsk[] | Complaint {
  const asks = wordsOf(text.replace(/\s*>\s*/g, ">")).map((word) => word.split(">"));
  const templates = asks.map(([template = "", file = ""]) => ({ template, file }));
  const isRight = asks.every((parts) => parts.length === 2 && parts.every(isFileName));
  if (!isRight || asks.length === 0) {
    return new Complaint("is not FILE>NAME, a file beside the bundle and one on the drop, neither with a slash");
  }
  const outputs = new Set(templates.map(({ file }) => file));
  return outputs.size === templates.length ? templates : new Complaint("makes one file of two templates");
}

function parseOnChange(text: string): OnChange | Complaint {
  if (text === "recreate" || text === "restart" || text === "none") return { kind: text };
  const command = /^exec:(.*)$/s.exec(text)?.[1]?.trim();
  if (command === "") return new Complaint("names no command behind exec:");
  if (command !== undefined) return { kind: "exec", command };
  const signal = /^signal:(?:SIG)?([A-Z0-9]+)$/.exec(text)?.[1];
  if (signal !== undefined && SIGNALS.has(signal)) return { kind: "signal", signal };
  return new Complaint("is not one of recreate, restart, signal:NAME (such as signal:HUP), exec:CMD, none");
}

/** Null: not a consumer ("not mine" is a value, "mine but broken" a fault). */
export function parseConsumer(
  service: string,
  labels: Readonly<Record<string, string>>,
): ConsumerLabels | { readonly fault: Fault } | null {
  const ours = Object.entries(labels)
    .filter(([name]) => name.startsWith(LABEL_PREFIX))
    .map(([name, value]): [string, string] => [name.slice(LABEL_PREFIX.length), value])
    .filter(([name]) => !JOURNAL.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (ours.length === 0) return null;
  const parsed = SCHEMA.safeParse(Object.fromEntries(ours));
  if (!parsed.success) return { fault: labelFault(service, parsed.error.issues) };
  const { data } = parsed;
  return {
    patterns: data.secrets,
    stripPrefix: data["strip-prefix"] ?? "",
    formats: data.format ?? ["files"],
    templates: data.template ?? [],
    onChange: data["on-change"] ?? { kind: "recreate" },
    order: data.order ?? "stop-first",
    onFailure: data["on-failure"] ?? "rollback",
    after: data.after ?? [],
    probe: data.probe ?? null,
    healthTimeout: data["health-timeout"] ?? null,
    settle: data.settle ?? null,
    envAllowed: data.env !== undefined,
  };
}

/** Names of the files beside the bundle that any container's labels speak of. */
export function templatesAsked({ containers }: Observed): string[] {
  const labels = containers.map((one) => parseConsumer(one.service, one.labels));
  return labels.flatMap((one) => (one === null || "fault" in one ? [] : one.templates.map(({ template }) => template)));
}

/** An unknown label first: it is the likeliest cause of one that seems to be absent. */
function labelFault(service: string, issues: readonly z.core.$ZodIssue[]): Fault {
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") return unknownLabel(service, issue.keys[0] ?? "");
  }
  const issue = issues[0];
  const name = LABEL_PREFIX + String(issue?.path[0]);
  if (issue?.code !== "custom") {
    const message = `service ${service} has sidecrypt labels but no sidecrypt.secrets`;
    return faultOf("label-invalid", service, message, `name what it needs: sidecrypt.secrets: "NAME OTHER_*"`);
  }
  const separator = issue.message.startsWith(":") ? "" : " ";
  return faultOf("label-invalid", service, `service ${service}: label ${name}${separator}${issue.message}`);
}

function unknownLabel(service: string, name: string): Fault {
  const meant = nearest(name, Object.keys(SCHEMA.shape));
  const hint = meant === null ? undefined : `did you mean ${LABEL_PREFIX}${meant}?`;
  return faultOf("label-invalid", service, `service ${service}: unknown label ${LABEL_PREFIX}${name}`, hint);
}
