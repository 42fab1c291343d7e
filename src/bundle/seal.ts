/**
 * Writing bundles (sops.md §3.4, §8). A change keeps the data key, the recipients and every unchanged line, so that a
 * diff shows one value, `lastmodified` and the MAC; a new file has everything new. What is written is opened again
 * before it is returned.
 */
import { randomBytes } from "node:crypto";
import { SidecryptError } from "../errors.ts";
import { wrapDataKey } from "./datakey.ts";
import { emitLines, type Entry, type Line } from "./dotenv.ts";
import type { Identities } from "./identities.ts";
import { sealMac } from "./mac.ts";
import type { AgeEntry } from "./metadata.ts";
import { isMetadata, refuseEmpty, unseal, type OpenOptions, type Unsealed, type Value } from "./open.ts";
import { DEFAULT_RULE, type Rule } from "./rule.ts";
import { requireStorableName, requireStorableValue } from "./storable.ts";
import { formatTime } from "./time.ts";
import { DATA_KEY_BYTES, decryptValue, encryptValue, parseEnc, pathAad } from "./value.ts";

/** The version of sops whose format a new file has, not ours. */
const SOPS_VERSION = "3.13.1";
export const COMMENT_AAD = pathAad("");

export type SetOptions = Pick<OpenOptions, "allowEmpty">;

/** Setting the value that is already there returns the same bytes. */
export async function setSecret(
  bytes: Uint8Array,
  identities: Identities,
  name: string,
  value: Uint8Array,
  now: Date,
  options: SetOptions,
): Promise<Uint8Array> {
  requireStorableName(name);
  requireStorableValue(name, Buffer.from(value), options.allowEmpty.has(name));
  const before = await unseal(bytes, identities);
  requireEncrypting(before.metadata.rule, name);
  const held = before.values.find((candidate) => candidate.name === name);
  if (held?.type === "str" && held.bytes.equals(value)) return Uint8Array.from(bytes);
  const values = withValue(before.values, name, Buffer.from(value));
  const after = emitLines(rewriteLines(before, name, values, now));
  await requireHolds(after, identities, values, options);
  return Uint8Array.from(after);
}

/** The bundle without the secret. Throws `secret-missing` where there is none. */
export async function unsetSecret(
  bytes: Uint8Array,
  identities: Identities,
  name: string,
  now: Date,
  options: SetOptions,
): Promise<Uint8Array> {
  const before = await unseal(bytes, identities);
  const values = before.values.filter((value) => value.name !== name);
  if (values.length === before.values.length) throw new SidecryptError("secret-missing", `the bundle has no ${name}`);
  const lines = before.lines.filter((line) => line.kind === "comment" || line.name !== name);
  const after = emitLines(withMac(lines, values, before.dataKey, now));
  await requireHolds(after, identities, values, options);
  return Uint8Array.from(after);
}

/** The same data key for other recipients, as `sops updatekeys`: whoever had it still has it (sops.md §8). */
export async function withRecipients(
  bytes: Uint8Array,
  identities: Identities,
  recipients: readonly string[],
): Promise<Uint8Array> {
  if (recipients.length === 0) throw new SidecryptError("usage", "a bundle needs at least one recipient");
  const { lines, dataKey } = await unseal(bytes, identities);
  const age = await Promise.all(recipients.map((recipient) => wrapDataKey(dataKey, recipient)));
  const isAge = (line: Line): boolean => line.kind === "entry" && line.name.startsWith("sops_age__");
  const at = lines.findIndex(isAge);
  const others = lines.filter((line) => !isAge(line));
  return Uint8Array.from(emitLines(others.toSpliced(at, 0, ...metadataLines(age, new Map()))));
}

/** A new bundle as `sops encrypt` makes it; the values are taken as SOPS holds them, quotes and all. */
export async function createBundle(
  recipients: readonly string[],
  entries: readonly (readonly [name: string, value: Uint8Array])[],
  now: Date,
): Promise<Uint8Array> {
  const values = entries.map(([name, bytes]) => newValue(name, Buffer.from(bytes)));
  requireNewNames(values.map((value) => value.name));
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const lines = values.map((value): Line => entry(value.name, sealValue(value, dataKey)));
  return finish(lines, values, { recipients, dataKey, rule: DEFAULT_RULE, now });
}

function requireNewNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    requireStorableName(name);
    requireEncrypting(DEFAULT_RULE, name);
    if (seen.has(name)) throw new SidecryptError("value-unstorable", `${name} is given twice`);
    seen.add(name);
  }
}

/** The same values under a new data key, for these recipients only; comments and the rule stay. */
export async function rewrap(
  bytes: Uint8Array,
  identities: Identities,
  recipients: readonly string[],
  now: Date,
): Promise<Uint8Array> {
  const before = await unseal(bytes, identities);
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const values = new Map(before.values.map((value) => [value.name, value]));
  const lines = before.lines
    .filter((line) => !isMetadata(line))
    .map((line) => resealLine(line, values, before.dataKey, dataKey));
  return finish(lines, before.values, { recipients, dataKey, rule: before.metadata.rule, now });
}

interface NewFile {
  readonly recipients: readonly string[];
  readonly dataKey: Buffer;
  readonly rule: Rule;
  readonly now: Date;
}

export async function finish(data: readonly Line[], values: readonly Value[], file: NewFile): Promise<Uint8Array> {
  if (file.recipients.length === 0) throw new SidecryptError("usage", "a bundle needs at least one recipient");
  const age = await Promise.all(file.recipients.map((recipient) => wrapDataKey(file.dataKey, recipient)));
  const lastModified = formatTime(file.now);
  const fields = new Map<string, string>([
    ["lastmodified", lastModified],
    ["mac", macOf(values, file.dataKey, lastModified)],
    [file.rule.field, file.rule.text],
    ["version", SOPS_VERSION],
  ]);
  return Uint8Array.from(emitLines([...data, ...metadataLines(age, fields)]));
}

/** In sops' order: keys sorted, the list of recipients (`age`) before all others. */
function metadataLines(age: readonly AgeEntry[], fields: ReadonlyMap<string, string>): Entry[] {
  const list = age.flatMap(({ recipient, enc }, index) => [
    entry(`sops_age__list_${index}__map_enc`, enc),
    entry(`sops_age__list_${index}__map_recipient`, recipient),
  ]);
  return [...list, ...[...fields].sort(byKey).map(([key, value]) => entry(`sops_${key}`, value))];
}

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

function rewriteLines(before: Unsealed, name: string, values: readonly Value[], now: Date): Line[] {
  const changed = values.find((value) => value.name === name);
  const written = entry(name, changed === undefined ? "" : sealValue(changed, before.dataKey));
  const known = before.values.some((value) => value.name === name);
  const end = before.lines.findLastIndex((line) => !isMetadata(line)) + 1;
  const lines = known
    ? before.lines.map((line) => (line.kind === "entry" && line.name === name ? written : line))
    : before.lines.toSpliced(end, 0, written);
  return withMac(lines, values, before.dataKey, now);
}

/** The same lines under a new time and the MAC of these values. */
export function withMac(lines: readonly Line[], values: readonly Value[], dataKey: Buffer, now: Date): Line[] {
  const lastModified = formatTime(now);
  const mac = macOf(values, dataKey, lastModified);
  return lines.map((line) => {
    if (line.kind !== "entry") return line;
    if (line.name === "sops_lastmodified") return entry(line.name, lastModified);
    return line.name === "sops_mac" ? entry(line.name, mac) : line;
  });
}

function withValue(values: readonly Value[], name: string, bytes: Buffer): Value[] {
  const changed = newValue(name, bytes);
  const at = values.findIndex((value) => value.name === name);
  return at < 0 ? [...values, changed] : values.with(at, changed);
}

export function newValue(name: string, bytes: Buffer): Value {
  return { name, line: 0, bytes, type: "str", encrypted: bytes.length > 0 };
}

export function sealValue({ name, bytes, type }: Value, dataKey: Buffer): string {
  return bytes.length === 0 ? "" : encryptValue(bytes, dataKey, pathAad(name), type);
}

function resealLine(line: Line, values: ReadonlyMap<string, Value>, oldKey: Buffer, newKey: Buffer): Line {
  if (line.kind === "comment") return { ...line, text: resealComment(line.text, oldKey, newKey) };
  const value = values.get(line.name);
  return value?.encrypted === true ? entry(line.name, sealValue(value, newKey)) : line;
}

/** A comment that does not decrypt stays as it stands, as in sops: comments are not authenticated. */
function resealComment(text: Buffer, oldKey: Buffer, newKey: Buffer): Buffer {
  const sealed = parseEnc(text.toString("latin1"));
  const comment = sealed?.type === "comment" ? decryptValue(sealed, oldKey, COMMENT_AAD) : null;
  return comment === null ? text : Buffer.from(encryptValue(comment, newKey, COMMENT_AAD, "comment"));
}

function macOf(values: readonly Value[], dataKey: Buffer, lastModified: string): string {
  return sealMac(
    values.map((value) => value.bytes),
    dataKey,
    lastModified,
  );
}

function entry(name: string, value: string): Entry {
  return { kind: "entry", line: 0, name, value: Buffer.from(value, "latin1") };
}

/** A forger may have changed the rule, which nothing authenticates, so that the next writer writes plaintext. */
function requireEncrypting(rule: Rule, name: string): void {
  if (rule.encrypts(name)) return;
  const message = `the file's rule (sops_${rule.field}) would store ${name} in plaintext`;
  throw new SidecryptError("value-unstorable", message, "choose another name, or look at who changed the rule");
}

/** Before anything is returned: the new file opens, and holds exactly what it should. */
export async function requireHolds(
  bytes: Buffer,
  identities: Identities,
  wanted: readonly Value[],
  options: SetOptions,
): Promise<void> {
  const { values } = await unseal(bytes, identities);
  refuseEmpty(values, options.allowEmpty);
  const same = values.length === wanted.length && values.every((value, index) => isSame(value, wanted[index]));
  if (!same) throw new SidecryptError("internal", "the new file does not hold what was set");
}

function isSame(value: Value, wanted: Value | undefined): boolean {
  return value.name === wanted?.name && value.bytes.equals(wanted.bytes);
}
