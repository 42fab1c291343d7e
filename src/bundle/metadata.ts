/**
 * The metadata of every format, as flat fields (sops.md §1.5), under the strict profile of §11.4. sops itself ignores
 * much of what is refused here; none of it is authenticated, so whatever could be read in two ways is not read at all.
 */
import { SidecryptError } from "../errors.ts";
import type { Warning } from "../types.ts";
import { lineAt, type AgeEntry, type Field, type MetadataText } from "./document.ts";
import { MAX_AGE_ENTRIES, MAX_SHOWN_FIELDS } from "./limits.ts";
import { COMMENT_RULE_FIELDS, DEFAULT_RULE, makeRule, RULE_FIELDS, type Rule } from "./rule.ts";
import { lastModifiedText } from "./time.ts";

export interface Metadata {
  readonly age: readonly AgeEntry[];
  /** Key services other than age that the file is encrypted for too. */
  readonly otherServices: readonly string[];
  /** As the MAC's additional data. */
  readonly lastModified: string;
  /** The ENC text; empty: the file has none. */
  readonly mac: string;
  readonly rule: Rule;
  /** False: the rule is the one that sops assumes where the file has none. */
  readonly hasRule: boolean;
  readonly warnings: readonly Warning[];
}

const OTHER_SERVICES = ["kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp"];
const LISTS = ["age", "key_groups", ...OTHER_SERVICES];
const SCALARS = [
  ...["lastmodified", "mac", "version", "mac_only_encrypted", "shamir_threshold"],
  ...RULE_FIELDS,
  ...COMMENT_RULE_FIELDS,
];
const KNOWN = new Set([...LISTS, ...SCALARS]);
const UPDATE = ".sops.yaml and run `sops updatekeys` on it";
const UNKNOWN = "metadata that sops does not know: ignored, and not authenticated";
const SEPARATOR = /__(?:map|list)_/;
const AGE_FIELD = /^age__list_(0|[1-9]\d{0,3})__map_(\w+)$/;

/** @param text - what the slots are in, for line numbers. */
export function parseMetadata({ fields: all }: MetadataText, text: string): Metadata {
  const fields = new Map<string, string>();
  const unknown: Field[] = [];
  for (const field of all) {
    const shown = (): string => show(field, text);
    if (fields.has(field.name)) throw forged(`${shown()} stands twice`);
    fields.set(field.name, field.text);
    if (!isKnown(field.name, shown)) unknown.push(field);
  }
  refuseUnsupported(fields);
  return {
    age: ageEntries(fields),
    otherServices: OTHER_SERVICES.filter((service) => hasList(fields, service)),
    lastModified: requireLastModified(fields),
    mac: fields.get("mac") ?? "",
    rule: ruleOf(fields),
    hasRule: RULE_FIELDS.some((field) => fields.has(field)),
    warnings: unknownWarnings(unknown, text),
  };
}

/**
 * False: a field that sops does not know, which is ignored. Throws for one that could pass for a known one.
 * @param shown - called for a fault only: a line number takes as long as the text before it.
 */
function isKnown(field: string, shown: () => string): boolean {
  const [head = "", ...rest] = field.split(SEPARATOR);
  const plain = head.toLowerCase();
  // sops matches names without regard to case when there is no exact match.
  if (plain !== head && KNOWN.has(plain)) throw forged(`${shown()} is a case variant of sops_${plain}`);
  if (!KNOWN.has(head)) return false;
  if (LISTS.includes(head) !== rest.length > 0) throw malformed(`${shown()} has the wrong shape`);
  return head !== "age" || isKnownAgeField(field, shown);
}

function isKnownAgeField(field: string, shown: () => string): boolean {
  const name = AGE_FIELD.exec(field)?.[2];
  if (name === undefined) throw malformed(`${shown()} has the wrong shape`);
  if (name === "enc" || name === "recipient") return true;
  if (["enc", "recipient"].includes(name.toLowerCase())) throw forged(`${shown()} is a case variant`);
  return false;
}

function ageEntries(fields: ReadonlyMap<string, string>): AgeEntry[] {
  const indices = [...fields.keys()].flatMap((field) => AGE_FIELD.exec(field)?.[1] ?? []);
  const count = new Set(indices).size;
  if (count > MAX_AGE_ENTRIES) throw new SidecryptError("bundle-too-large", `more than ${MAX_AGE_ENTRIES} recipients`);
  return Array.from({ length: count }, (_, index) => {
    const recipient = fields.get(`age__list_${index}__map_recipient`);
    const enc = fields.get(`age__list_${index}__map_enc`);
    if (recipient === undefined || enc === undefined) throw malformed(`the age entries (sops_age__list_…) have a gap`);
    return { recipient, enc };
  });
}

function refuseUnsupported(fields: ReadonlyMap<string, string>): void {
  const flat = ["age", ...OTHER_SERVICES].some((list) => hasList(fields, list));
  if (hasList(fields, "key_groups")) {
    if (flat) throw forged("both flat recipients and key groups: sops would ignore the groups");
    throw unsupported("key groups (Shamir's secret sharing)", `put the recipients into one group of ${UPDATE}`);
  }
  if (!/^(?:|[01](?:\.0*)?)$/.test(fields.get("shamir_threshold") ?? "")) {
    throw unsupported(
      "a Shamir threshold",
      `take shamir_threshold out of ${UPDATE}; any one key opens the file as it is`,
    );
  }
  if (!/^(?:|0|f|F|false|False|FALSE)$/.test(fields.get("mac_only_encrypted") ?? "")) {
    const hint = "plaintext lines would not be authenticated: encrypt the file again without --mac-only-encrypted";
    throw unsupported("mac_only_encrypted", hint);
  }
  const commentRule = COMMENT_RULE_FIELDS.find((field) => fields.has(field));
  if (commentRule !== undefined) throw unsupported(commentRule, "comments are not authenticated: use a rule on names");
}

function ruleOf(fields: ReadonlyMap<string, string>): Rule {
  const [field, ...more] = RULE_FIELDS.filter((name) => fields.has(name));
  if (field === undefined) return DEFAULT_RULE;
  if (more.length > 0) throw forged(`more than one encryption rule: sops_${[field, ...more].join(", sops_")}`);
  const text = fields.get(field) ?? "";
  if (text === "") throw malformed(`sops_${field} is empty`);
  return makeRule(field, text);
}

function requireLastModified(fields: ReadonlyMap<string, string>): string {
  if (!fields.has("version")) throw malformed("sops_version is missing");
  const text = lastModifiedText(fields.get("lastmodified") ?? "");
  if (text === null) throw malformed("sops_lastmodified is missing or is not an RFC 3339 time");
  return text;
}

function hasList(fields: ReadonlyMap<string, string>, list: string): boolean {
  for (const field of fields.keys()) if (field.startsWith(`${list}__`)) return true;
  return false;
}

/** A metadata key is untrusted text: shown only where it is plain, and short. */
function show({ name, slot }: Field, text: string): string {
  const line = lineAt(text, slot.start);
  return isPlain(name) ? `sops_${name} (line ${line})` : `the metadata on line ${line}`;
}

/** The first ones one by one: a file of nothing else may hold tens of thousands. */
function unknownWarnings(fields: readonly Field[], text: string): Warning[] {
  const warnings = fields.slice(0, MAX_SHOWN_FIELDS).map(({ name, slot }) => {
    return { subject: isPlain(name) ? `sops_${name}` : `line ${lineAt(text, slot.start)}`, message: UNKNOWN };
  });
  const more = fields.length - warnings.length;
  return more > 0 ? [...warnings, { subject: `${more} more fields`, message: UNKNOWN }] : warnings;
}

function isPlain(name: string): boolean {
  return /^\w{1,80}$/.test(name);
}

function malformed(message: string): SidecryptError {
  return new SidecryptError("bundle-malformed", message, "restore the file from git, or encrypt it again with sops");
}

function forged(message: string): SidecryptError {
  return new SidecryptError(
    "bundle-forged",
    message,
    "no sops writes this: restore the file from git and ask who changed it",
  );
}

function unsupported(what: string, hint: string): SidecryptError {
  return new SidecryptError("bundle-unsupported", `the file uses ${what}, which sidecrypt does not open`, hint);
}
