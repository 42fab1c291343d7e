/**
 * The `sops_` lines (sops.md §1.5), under the strict profile of §11.4. sops itself ignores much of what is refused here;
 * none of these lines is authenticated, so whatever could be read in two ways is not read at all.
 */
import { SidecryptError } from "../errors.ts";
import type { Warning } from "../types.ts";
import type { Entry } from "./dotenv.ts";
import { MAX_AGE_ENTRIES } from "./limits.ts";
import { COMMENT_RULE_FIELDS, DEFAULT_RULE, makeRule, RULE_FIELDS, type Rule } from "./rule.ts";
import { lastModifiedText } from "./time.ts";

export const METADATA_PREFIX = "sops_";

export interface AgeEntry {
  /** A label: nothing ties it to `enc`. */
  readonly recipient: string;
  /** The armored data key. */
  readonly enc: string;
}

export interface Metadata {
  readonly age: readonly AgeEntry[];
  /** Key services other than age that the file is encrypted for too. */
  readonly otherServices: readonly string[];
  /** As the MAC's additional data. */
  readonly lastModified: string;
  /** The ENC text; empty: the file has none. */
  readonly mac: string;
  readonly rule: Rule;
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
const SEPARATOR = /__(?:map|list)_/;
const AGE_FIELD = /^age__list_(0|[1-9]\d{0,3})__map_(\w+)$/;

export function parseMetadata(entries: readonly Entry[]): Metadata {
  const fields = new Map<string, string>();
  const warnings: Warning[] = [];
  for (const entry of entries) {
    const field = entry.name.slice(METADATA_PREFIX.length);
    if (fields.has(field)) throw forged(`${shown(entry)} stands twice`);
    fields.set(field, entry.value.toString("latin1"));
    if (!isKnown(entry, field)) warnings.push(unknown(entry));
  }
  refuseUnsupported(fields);
  return {
    age: ageEntries(fields),
    otherServices: OTHER_SERVICES.filter((service) => hasList(fields, service)),
    lastModified: requireLastModified(fields),
    mac: fields.get("mac") ?? "",
    rule: ruleOf(fields),
    warnings,
  };
}

/** False: a field that sops does not know, which is ignored. Throws for one that could pass for a known one. */
function isKnown(entry: Entry, field: string): boolean {
  const [head = "", ...rest] = field.split(SEPARATOR);
  const plain = head.toLowerCase();
  // sops matches names without regard to case when there is no exact match.
  if (plain !== head && KNOWN.has(plain)) throw forged(`${shown(entry)} is a case variant of sops_${plain}`);
  if (!KNOWN.has(head)) return false;
  if (LISTS.includes(head) !== rest.length > 0) throw malformed(`${shown(entry)} has the wrong shape`);
  return head !== "age" || isKnownAgeField(entry, field);
}

function isKnownAgeField(entry: Entry, field: string): boolean {
  const name = AGE_FIELD.exec(field)?.[2];
  if (name === undefined) throw malformed(`${shown(entry)} has the wrong shape`);
  if (name === "enc" || name === "recipient") return true;
  if (["enc", "recipient"].includes(name.toLowerCase())) throw forged(`${shown(entry)} is a case variant`);
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
    throw unsupported("key groups (Shamir's secret sharing)", "encrypt the file to age recipients without key groups");
  }
  if (!/^(?:|[01](?:\.0*)?)$/.test(fields.get("shamir_threshold") ?? "")) {
    throw unsupported("a Shamir threshold", "encrypt the file to age recipients without key groups");
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
function shown(entry: Entry): string {
  return /^\w{1,80}$/.test(entry.name) ? `${entry.name} (line ${entry.line})` : `the metadata on line ${entry.line}`;
}

function unknown(entry: Entry): Warning {
  const subject = /^\w{1,80}$/.test(entry.name) ? entry.name : `line ${entry.line}`;
  return { subject, message: "metadata that sops does not know: ignored, and not authenticated" };
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
