/**
 * The creation rules of `.sops.yaml`: which recipients, and which names in plaintext, a file at this path gets
 * (sops.md §7; config/config.go, parseCreationRuleForFile). The first rule that matches wins. Pure.
 */
import { parseDocument } from "yaml";
import { compilePattern } from "../bundle/regexp.ts";
import { unique } from "../recipients.ts";
import {
  GROUP_SERVICE_FIELDS,
  invalid,
  readRules,
  RULE_FIELDS,
  SERVICE_FIELDS,
  type KeyGroup,
  type RuleEntry,
} from "./fields.ts";

export interface RuleFile {
  /** Absolute. */
  readonly path: string;
  /** Null: the file has none, as if it were not there. */
  readonly rules: readonly RuleEntry[] | null;
}

export interface CreationRule {
  /** The file and the rule's number in it, from 1: for messages. */
  readonly where: string;
  readonly entry: RuleEntry;
}

export interface NameRule {
  readonly field: (typeof RULE_FIELDS)[number];
  readonly text: string;
}

/** @param path - of the file, absolute. Throws `rules-invalid`. */
export function parseRules(text: string, path: string): RuleFile {
  // `<<` is YAML 1.1, which sops' parser still merges.
  const document = parseDocument(text, { merge: true, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split("\n").length;
    throw invalid(`${path}, line ${line}: this is not YAML that sops reads (${error.code.toLowerCase()})`);
  }
  return { path, rules: readRules(plainOf(document, path), path) };
}

function plainOf(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return document.toJS();
  } catch {
    throw invalid(`${path}: an alias (*name) in it has no anchor (&name), or there are too many of them`);
  }
}

/** @param bundlePath - absolute. Null: the file has no rules. Throws where it has some and none matches, as sops does. */
export function ruleFor(file: RuleFile, bundlePath: string): CreationRule | null {
  if (file.rules === null) return null;
  const rule = matchingRule(file, bundlePath);
  if (rule !== null) return rule;
  throw invalid(
    `${file.path}: no creation rule matches ${relativeTo(file, bundlePath)}`,
    "add a rule whose path_regex matches it, or one without path_regex at the end",
  );
}

/** Null: none matches. */
export function matchingRule(file: RuleFile, bundlePath: string): CreationRule | null {
  const relative = relativeTo(file, bundlePath);
  for (const [index, entry] of (file.rules ?? []).entries()) {
    const where = `${file.path}: creation rule ${index + 1}`;
    if (matches(entry, relative, where)) return { where, entry };
  }
  return null;
}

function relativeTo(file: RuleFile, bundlePath: string): string {
  const directory = file.path.slice(0, file.path.lastIndexOf("/") + 1);
  return bundlePath.startsWith(directory) ? bundlePath.slice(directory.length) : bundlePath;
}

function matches({ path_regex: pattern }: RuleEntry, path: string, where: string): boolean {
  if (pattern === undefined || pattern === null || pattern === "") return true;
  const matcher = compilePattern(pattern);
  if (matcher === null) {
    const hint = "use literals, classes, groups, alternation, anchors and repetition";
    throw invalid(`${where}: path_regex is a pattern that sidecrypt does not read`, hint);
  }
  // A character beyond ASCII is one character to Go; the matcher counts UTF-16.
  return matcher(path.replace(/[^\0-\x7f]/gu, "\u00ff"));
}

/** The rule on names that a new file gets; null: sops' default, the suffix `_unencrypted`. */
export function nameRuleOf({ where, entry }: CreationRule): NameRule | null {
  if (entry.mac_only_encrypted === true) {
    throw unsupported(where, "mac_only_encrypted", "plaintext lines would not be authenticated: take it out");
  }
  const set = [...RULE_FIELDS, "unencrypted_comment_regex" as const, "encrypted_comment_regex" as const].filter(
    (name) => (entry[name] ?? "") !== "",
  );
  if (set.length > 1) throw invalid(`${where} has more than one rule on names: ${set.join(", ")}`, "keep one of them");
  const field = RULE_FIELDS.find((name) => name === set[0]);
  if (field !== undefined) return { field, text: entry[field] ?? "" };
  if (set[0] === undefined) return null;
  throw unsupported(where, set[0], "comments are not authenticated: use a rule on names");
}

/** The age recipients, each once, in the rule's order. Throws where the rule names other services, or nobody. */
export function recipientsOf({ where, entry }: CreationRule): readonly string[] {
  const [group, ...more] = entry.key_groups ?? [];
  if (more.length > 0) {
    throw unsupported(where, `${more.length + 1} key_groups (Shamir's secret sharing)`, "put the recipients into one");
  }
  // sops writes it and goes by the number of groups: with one, any one key opens the file.
  if ((entry.shamir_threshold ?? 0) > 1) {
    throw unsupported(where, "a shamir_threshold", "take it out: with one group it keeps nobody from opening the file");
  }
  const recipients = group === undefined ? flatRecipients(entry, where) : groupRecipients(group, where);
  if (recipients.length === 0) {
    throw invalid(`${where} names no recipient`, "age: age1…, the public key that `sidecrypt keygen` prints");
  }
  return unique(recipients);
}

function flatRecipients(entry: RuleEntry, where: string): string[] {
  refuseServices(entry, SERVICE_FIELDS, where);
  const { age } = entry;
  // In a text sops drops what is empty between two commas; in a list it is an error.
  return typeof age === "string" ? split(age).filter((one) => one !== "") : listed(age ?? [], where);
}

function groupRecipients(group: KeyGroup, where: string): string[] {
  refuseServices(group, GROUP_SERVICE_FIELDS, where);
  const merged = (group.merge ?? []).flatMap((inner) => groupRecipients(inner, where));
  return [...merged, ...listed(group.age ?? [], where)];
}

function listed(age: readonly string[], where: string): string[] {
  const recipients = age.flatMap(split);
  if (recipients.includes("")) throw invalid(`${where}: an entry of age is empty`, "remove it");
  return recipients;
}

function split(text: string): string[] {
  return text.split(",").map((recipient) => recipient.trim());
}

function refuseServices(found: Readonly<Record<string, unknown>>, fields: readonly string[], where: string): void {
  const service = fields.find((field) => !isNothing(found[field]));
  if (service === undefined) return;
  throw unsupported(where, service, "write a bundle for these with sops, or give the rule age recipients alone");
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function unsupported(where: string, what: string, hint: string): Error {
  return invalid(`${where} uses ${what}, which sidecrypt does not write`, hint);
}
