/**
 * Whole plaintext documents in and out (sops.md §0): encrypt, decrypt, edit. An edit keeps the ciphertext of what did
 * not change; nothing new is written where the file's rule, which nobody authenticated, would leave it in plaintext.
 */
import { randomBytes } from "node:crypto";
import { SidecryptError } from "../errors.ts";
import { emitLines, parseLines, type Comment, type Entry, type Line } from "./dotenv.ts";
import type { Identities } from "./identities.ts";
import { isMetadata, refuseEmpty, unseal, type Unsealed, type Value } from "./open.ts";
import { DEFAULT_RULE, encryptsComments, makeRule, type Rule, type RuleField } from "./rule.ts";
import { COMMENT_AAD, finish, newValue, requireHolds, sealValue, withMac, type SetOptions } from "./seal.ts";
import { sniff, type Format } from "./sniff.ts";
import { requireStorableName } from "./storable.ts";
import { DATA_KEY_BYTES, decryptValue, encryptValue, parseEnc } from "./value.ts";

export interface EncryptOptions {
  readonly recipients: readonly string[];
  /** Null: the default of sops, the suffix `_unencrypted`. */
  readonly rule: { readonly field: RuleField; readonly text: string } | null;
  readonly now: Date;
  readonly allowEmpty: ReadonlySet<string>;
}

export interface PlainDocument {
  readonly format: Format;
  readonly bytes: Uint8Array;
}

/** As `sops encrypt`: a new data key. Refuses what is encrypted already, and a rule that would encrypt nothing. */
export async function encryptPlain(bytes: Uint8Array, format: Format, options: EncryptOptions): Promise<Uint8Array> {
  const rule = options.rule === null ? DEFAULT_RULE : makeRule(options.rule.field, options.rule.text);
  const lines = parsePlain(bytes, format);
  const values = plainValues(lines, rule);
  refuseEmpty(values, options.allowEmpty);
  const held = values.filter((value) => value.bytes.length > 0);
  if (held.length > 0 && !held.some((value) => value.encrypted)) {
    const hint = "a rule made for another kind of file, such as Kubernetes manifests? name the secrets in it";
    throw new SidecryptError("value-unstorable", `the rule (${rule.field}) would encrypt none of the values`, hint);
  }
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const sealed = lines.map((line) => sealLine(line, rule, dataKey));
  return finish(sealed, values, { recipients: options.recipients, dataKey, rule, now: options.now });
}

/** The plaintext document of the same format, comments decrypted where they do; its MAC was compared. */
export async function decryptPlain(bytes: Uint8Array, identities: Identities): Promise<PlainDocument> {
  const before = await unseal(bytes, identities);
  const values = new Map(before.values.map((value) => [value.name, value]));
  const lines = before.lines.filter((line) => !isMetadata(line)).map((line) => openLine(line, values, before.dataKey));
  before.dataKey.fill(0);
  return { format: "dotenv", bytes: Uint8Array.from(emitLines(lines)) };
}

/** The bundle with `plain` for its content: same data key, recipients and rule. The same bytes when nothing changes. */
export async function editPlain(
  bytes: Uint8Array,
  identities: Identities,
  plain: Uint8Array,
  now: Date,
  options: SetOptions,
): Promise<Uint8Array> {
  const before = await unseal(bytes, identities);
  const { rule } = before.metadata;
  const lines = parsePlain(plain, "dotenv");
  const values = plainValues(lines, rule);
  refuseEmpty(values, options.allowEmpty);
  values.forEach((value) => {
    requireNotExposed(value, before);
  });
  const old = oldLines(before);
  const data = lines.map((line) => old.get(keyOf(line)) ?? sealLine(line, rule, before.dataKey));
  const emitted = emitLines([...data, ...before.lines.filter(isMetadata)]);
  if (emitted.equals(bytes)) return Uint8Array.from(bytes);
  const after = emitLines(withMac([...data, ...before.lines.filter(isMetadata)], values, before.dataKey, now));
  await requireHolds(after, identities, values, options);
  return Uint8Array.from(after);
}

function parsePlain(bytes: Uint8Array, format: Format): Line[] {
  if (format !== "dotenv") throw new SidecryptError("bundle-format", `${format} is not written by this version`);
  if (sniff(bytes) !== "plain-dotenv" && sniff(bytes) !== "other") {
    throw new SidecryptError("value-unstorable", "the file is encrypted already, or holds names that start with sops_");
  }
  const lines = parseLines(bytes);
  const seen = new Set<string>();
  for (const line of lines) {
    if (line.kind === "comment") continue;
    requireStorableName(line.name);
    if (seen.has(line.name)) throw new SidecryptError("value-unstorable", `${line.name} is given twice`);
    seen.add(line.name);
  }
  return lines;
}

function plainValues(lines: readonly Line[], rule: Rule): Value[] {
  return lines
    .filter((line): line is Entry => line.kind === "entry")
    .map(({ name, value, line }) => ({
      ...newValue(name, value),
      line,
      encrypted: value.length > 0 && rule.encrypts(name),
    }));
}

function requireNotExposed(value: Value, before: Unsealed): void {
  if (value.encrypted || value.bytes.length === 0) return;
  const held = before.values.find(({ name }) => name === value.name);
  if (held?.encrypted === false && held.bytes.equals(value.bytes)) return;
  const message = `the file's rule (sops_${before.metadata.rule.field}) would store ${value.name} in plaintext`;
  throw new SidecryptError("value-unstorable", message, "choose another name, or look at who changed the rule");
}

function sealLine(line: Line, rule: Rule, dataKey: Buffer): Line {
  if (line.kind === "entry") {
    if (line.value.length === 0 || !rule.encrypts(line.name)) return line;
    return { ...line, value: Buffer.from(sealValue(newValue(line.name, line.value), dataKey)) };
  }
  if (line.text.length === 0 || !encryptsComments(rule)) return line;
  return { ...line, text: Buffer.from(encryptValue(line.text, dataKey, COMMENT_AAD, "comment")) };
}

function openLine(line: Line, values: ReadonlyMap<string, Value>, dataKey: Buffer): Line {
  if (line.kind === "comment") return openComment(line, dataKey);
  return { ...line, value: values.get(line.name)?.bytes ?? line.value };
}

function openComment(line: Comment, dataKey: Buffer): Comment {
  const sealed = parseEnc(line.text.toString("latin1"));
  const text = sealed?.type === "comment" ? decryptValue(sealed, dataKey, COMMENT_AAD) : null;
  return text === null ? line : { ...line, text };
}

/** The lines as they stand, by what they say in plaintext. */
function oldLines(before: Unsealed): Map<string, Line> {
  const values = new Map(before.values.map((value) => [value.name, value]));
  return new Map(before.lines.map((line) => [keyOf(openLine(line, values, before.dataKey)), line]));
}

function keyOf(line: Line): string {
  if (line.kind === "comment") return `#${line.text.toString("latin1")}`;
  return `${line.name}=${line.value.toString("latin1")}`;
}
