/** The fields of `.sops.yaml` that sops knows (config/config.go), as zod reads them and as a misspelt one is told. */
import * as z from "zod";
import { SidecryptError } from "../errors.ts";
import { nearest } from "../near.ts";

export const RULE_FIELDS = ["unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex"] as const;
const COMMENT_FIELDS = ["unencrypted_comment_regex", "encrypted_comment_regex"] as const;
/** Of a rule; each holds keys of a service that is not age. */
export const SERVICE_FIELDS = [
  ...["kms", "gcp_kms", "hckms", "azure_keyvault", "hc_vault_transit_uri", "pgp", "plugins"],
] as const;
/** The same, as a key group calls them. */
export const GROUP_SERVICE_FIELDS = [
  "kms",
  "gcp_kms",
  "hckms",
  "azure_keyvault",
  "hc_vault",
  "pgp",
  "plugins",
] as const;

const TOP_FIELDS = ["creation_rules", "destination_rules", "stores"];
const GROUP_FIELDS = ["merge", "age", ...GROUP_SERVICE_FIELDS];
const CREATION_FIELDS = [
  ...["path_regex", "timeout", "aws_profile", "age", "key_groups", "shamir_threshold", "mac_only_encrypted"],
  ...SERVICE_FIELDS,
  ...RULE_FIELDS,
  ...COMMENT_FIELDS,
];

const text = z.string("must be text: put it in quotes").nullish();
const keys = z.union([z.string(), z.array(z.string())], "must be text, or a list of texts").nullish();

export interface KeyGroup {
  readonly [field: string]: unknown;
  readonly age?: readonly string[] | null | undefined;
  readonly merge?: readonly KeyGroup[] | null | undefined;
}

const keyGroup: z.ZodType<KeyGroup> = z.looseObject({
  age: z.array(z.string(), "must be a list of texts").nullish(),
  get merge() {
    return z.array(keyGroup, "must be a list of key groups").nullish();
  },
});

const creationRule = z.looseObject({
  path_regex: text,
  age: keys,
  key_groups: z.array(keyGroup, "must be a list of key groups").nullish(),
  shamir_threshold: z.int("must be a whole number").nullish(),
  mac_only_encrypted: z.boolean("must be true or false").nullish(),
  unencrypted_suffix: text,
  encrypted_suffix: text,
  unencrypted_regex: text,
  encrypted_regex: text,
  unencrypted_comment_regex: text,
  encrypted_comment_regex: text,
});

export type RuleEntry = z.infer<typeof creationRule>;

const ruleFile = z.looseObject({
  creation_rules: z.array(creationRule, "must be a list of rules").nullish(),
});

/** @returns the rules; null: the file has no `creation_rules`, which sops takes for no file at all. */
export function readRules(document: unknown, path: string): readonly RuleEntry[] | null {
  // An empty file, or comments alone.
  if (document === null || document === undefined) return null;
  const parsed = ruleFile.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = (issue?.path ?? []).map(shownStep).join("");
    throw invalid(`${path}: ${where === "" ? "the file" : where.slice(1)} ${issue?.message ?? "cannot be read"}`);
  }
  refuseMisspelt(parsed.data, TOP_FIELDS, path);
  const rules = parsed.data.creation_rules ?? null;
  for (const [index, rule] of (rules ?? []).entries()) refuseUnknownOf(rule, `${path}: creation rule ${index + 1}`);
  return rules;
}

/** sops ignores what it does not know: a misspelt `path_regex` makes a rule that matches every file. */
function refuseUnknownOf(rule: RuleEntry, where: string): void {
  refuseUnknown(rule, CREATION_FIELDS, where);
  for (const group of rule.key_groups ?? []) refuseUnknownInGroup(group, where);
}

function refuseUnknownInGroup(group: KeyGroup, where: string): void {
  refuseUnknown(group, GROUP_FIELDS, `${where}, key group`);
  for (const merged of group.merge ?? []) refuseUnknownInGroup(merged, where);
}

function refuseUnknown(found: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(found).find((field) => !known.includes(field));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw invalid(
    `${where}: ${shown(unknown)} is not a field that sops knows, which would ignore it`,
    near === null ? `it knows ${known.join(", ")}` : `did you mean ${near}?`,
  );
}

/** At the top, people keep lists of anchors under names of their own (`keys`). */
function refuseMisspelt(found: object, known: readonly string[], path: string): void {
  for (const field of Object.keys(found)) {
    if (known.includes(field)) continue;
    const near = nearest(field.replaceAll("-", "_"), known);
    if (near !== null)
      throw invalid(`${path}: ${shown(field)} is not a field that sops knows`, `did you mean ${near}?`);
  }
}

function shownStep(step: PropertyKey): string {
  return typeof step === "number" ? ` ${step + 1}` : `, ${String(step)}`;
}

function shown(field: string): string {
  return /^[\w.-]{1,60}$/.test(field) ? field : "a field";
}

export function invalid(message: string, hint?: string): SidecryptError {
  return new SidecryptError("rules-invalid", message, hint);
}
