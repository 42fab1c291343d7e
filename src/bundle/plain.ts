/**
 * Whole plaintext documents in and out (sops.md §0): encrypt, decrypt, edit. An edit keeps the ciphertext of what did
 * not change; nothing new is written where the file's rule, which nobody authenticated, would leave it in plaintext.
 */
import { randomBytes } from "node:crypto";
import { SidecryptError } from "../errors.ts";
import { BINARY_KEY, isBinaryShape, innerDotenv } from "./binary.ts";
import { applyEdits, bytesOf, type AgeEntry, type Document, type Edit, type Format, type Leaf } from "./document.ts";
import { escapeLineFeeds, METADATA_PREFIX } from "./dotenv.ts";
import type { Identities } from "./identities.ts";
import { contentOf, refuseEmpty, requireNames, unseal, unsealWith, type Unsealed, type Value } from "./open.ts";
import { DEFAULT_RULE, makeRule, type Rule, type RuleField } from "./rule.ts";
import { macEdits, macOf, openComment, requireHolds, requireSame, wrapAll, type SetOptions } from "./seal.ts";
import { readPlain, STORES } from "./stores.ts";
import { requireStorableName } from "./storable.ts";
import { formatTime } from "./time.ts";
import { DATA_KEY_BYTES, encryptValue, pathAad } from "./value.ts";

/** The version of sops whose format a new file has, not ours. */
const SOPS_VERSION = "3.13.1";
const REWRITE = "nothing was written; write that line in another way, or encrypt the file with sops";

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
  if (format === "ini")
    throw new SidecryptError("bundle-format", "sidecrypt writes no INI", "write it as JSON or YAML");
  const rule = options.rule === null ? DEFAULT_RULE : makeRule(options.rule.field, options.rule.text);
  // sops ignores rules for binary files since 3.11, so that none can leave one in plaintext.
  if (format === "binary") return sealNew(wholeFile(bytes), "binary", DEFAULT_RULE, false, options);
  const document = readPlain(bytes, format);
  requireStorable(document);
  return sealNew(document, format, rule, true, options);
}

/** A new dotenv bundle; the values are taken as SOPS holds them, quotes and all. */
export async function createBundle(
  recipients: readonly string[],
  entries: readonly (readonly [name: string, value: Uint8Array])[],
  now: Date,
): Promise<Uint8Array> {
  for (const [name] of entries) {
    requireStorableName(name);
    if (!DEFAULT_RULE.encrypts([name])) throw exposed(name, DEFAULT_RULE);
  }
  const lines = entries.map(([name, value]) => `${name}=${escapeLineFeeds(Buffer.from(value).toString("latin1"))}\n`);
  const document = readPlain(Buffer.from(lines.join(""), "latin1"), "dotenv");
  requireStorable(document);
  const allowEmpty = new Set(entries.map(([name]) => name));
  return sealNew(document, "dotenv", DEFAULT_RULE, true, { recipients, rule: null, now, allowEmpty });
}

/** The plaintext document of the same format, comments decrypted where they do; its MAC was compared. */
export async function decryptPlain(bytes: Uint8Array, identities: Identities): Promise<PlainDocument> {
  const before = await unseal(bytes, identities);
  const plain = plainOf(before);
  before.dataKey.fill(0);
  return plain;
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
  const old = plainOf(before);
  if (Buffer.from(old.bytes).equals(plain)) return Uint8Array.from(bytes);
  const document = old.format === "binary" ? wholeFile(plain) : readPlain(plain, before.format);
  requireStorable(document);
  const { rule } = before.metadata;
  const values = document.leaves.map((leaf) => plainValue(leaf, document, rule));
  const unchanged = new Map(before.values.map((value) => [value.name, value]));
  values.forEach((value) => {
    requireNotExposed(value, unchanged.get(value.name), rule);
  });
  const kept = (value: Value): string | null => {
    const held = unchanged.get(value.name);
    if (held?.encrypted !== true || !held.bytes.equals(value.bytes)) return null;
    // sops stores 7 as int or float by its version: that is no change.
    const same = held.type === value.type || (isNumber(held) && isNumber(value));
    return same && held.leaf.path.join(":") === value.leaf.path.join(":") ? held.leaf.text : null;
  };
  const edits = [
    ...values.flatMap((value) => sealed(value, before, document, kept)),
    ...sealedComments(document, rule, before.dataKey, oldComments(before)),
    before.store.carry(document, before.document),
  ];
  // The metadata stand in the new text only now: read again, and given the new MAC.
  const carried = before.store.parse(bytesOf(applyEdits(document.text, edits), document));
  const mac = macEdits({ document: carried, store: before.store }, values, before.dataKey, now);
  const after = bytesOf(applyEdits(carried.text, mac), carried);
  await requireHolds(after, identities, wantedOf(values, old.format), options);
  return Uint8Array.from(after);
}

function isNumber({ type }: Value): boolean {
  return type === "int" || type === "float";
}

function wantedOf(values: readonly Value[], format: Format): readonly Pick<Value, "name" | "bytes">[] {
  const inner = format === "binary" ? innerDotenv(values[0]?.bytes ?? Buffer.alloc(0)) : null;
  if (inner === null) return values;
  return inner.leaves.map(({ name, text }) => ({ name, bytes: bytesOf(text, inner) }));
}

function plainOf(before: Unsealed): PlainDocument {
  const { document, store, format } = before;
  if (isBinaryShape(document) && contentOf(before).isBinary)
    return { format: "binary", bytes: Uint8Array.from(before.values[0]?.bytes ?? []) };
  const edits: Edit[] = before.values.flatMap(({ leaf, type, bytes, encrypted, name }) => {
    if (!encrypted || type === "none") return [];
    return [{ ...leaf.slot, text: store.token(textOf(bytes, document, name), type, leaf, document) }];
  });
  for (const comment of document.comments) {
    const opened = openComment(comment, before.dataKey);
    if (opened !== null)
      edits.push({ ...comment.slot, text: comment.prefix + opened.text.toString(document.encoding) });
  }
  edits.push(...(document.metadata?.whole ?? []).map((span) => ({ ...span, text: "" })));
  return { format, bytes: Uint8Array.from(bytesOf(applyEdits(document.text, edits), document)) };
}

function textOf(bytes: Buffer, document: Document, name: string): string {
  const text = bytes.toString(document.encoding);
  if (bytesOf(text, document).equals(bytes)) return text;
  const hint = "it is delivered as it is; for a plaintext document set it to its base64";
  throw new SidecryptError("value-unstorable", `the value of ${name} is not UTF-8 text, which JSON and YAML are`, hint);
}

/** A binary file as sops lays it out, before it is sealed. */
function wholeFile(bytes: Uint8Array): Document {
  const text = `{\n\t"${BINARY_KEY}": ""\n}\n`;
  const at = text.indexOf('""');
  const leaf: Leaf = {
    path: [BINARY_KEY],
    name: BINARY_KEY,
    text: Buffer.from(bytes).toString("latin1"),
    type: "str",
    slot: { start: at, end: at + 2 },
    entry: null,
    indent: null,
  };
  return { text, encoding: "latin1", leaves: [leaf], comments: [], metadata: null };
}

function requireStorable(document: Document): void {
  for (const { name } of document.leaves) requireStorableName(name);
  const names = new Set<string>();
  for (const { name, path } of document.leaves) {
    if (names.has(name) && path.length === 1) throw new SidecryptError("value-unstorable", `${name} is given twice`);
    names.add(name);
  }
  requireNames(document, "rename one of them");
}

interface Sealing {
  readonly store: Unsealed["store"];
  readonly dataKey: Buffer;
}

async function sealNew(
  document: Document,
  format: keyof typeof STORES,
  rule: Rule,
  writesRule: boolean,
  options: EncryptOptions,
): Promise<Uint8Array> {
  const store = STORES[format];
  const values = document.leaves.map((leaf) => plainValue(leaf, document, rule));
  refuseEmpty(values, options.allowEmpty, document.text);
  requireSecrecy(values, rule);
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const age: AgeEntry[] = await wrapAll(dataKey, options.recipients);
  const lastModified = formatTime(options.now);
  const fields = new Map([
    ["lastmodified", lastModified],
    ["mac", macOf(values, dataKey, lastModified)],
    ["version", SOPS_VERSION],
  ]);
  if (writesRule) fields.set(rule.field, rule.text);
  const sealing: Sealing = { store, dataKey };
  const edits = [
    ...values.flatMap((value) => sealed(value, sealing, document, () => null)),
    ...sealedComments(document, rule, dataKey, new Map()),
    store.attach(document, age, fields),
  ];
  const sealedBytes = bytesOf(applyEdits(document.text, edits), document);
  requireReadable(sealedBytes, values, dataKey);
  return Uint8Array.from(sealedBytes);
}

/** Before anything is returned: it may take the place of the only plaintext. */
function requireReadable(bytes: Uint8Array, wanted: readonly Value[], dataKey: Buffer): void {
  try {
    requireSame(unsealWith(bytes, dataKey).values, wanted);
  } catch (thrown) {
    if (!(thrown instanceof SidecryptError)) throw thrown;
    throw new SidecryptError(thrown.code, `encrypted, the file could not be read again: ${thrown.message}`, REWRITE);
  }
}

/** The classic leak: a rule copied from another kind of file makes a file look encrypted (sops.md §5). */
function requireSecrecy(values: readonly Value[], rule: Rule): void {
  const held = values.filter((value) => value.bytes.length > 0);
  if (held.length === 0 || held.some((value) => value.encrypted)) return;
  const hint = "a rule made for another kind of file, such as Kubernetes manifests? name the secrets in it";
  throw new SidecryptError("value-unstorable", `the rule (${rule.field}) would encrypt none of the values`, hint);
}

function plainValue(leaf: Leaf, document: Document, rule: Rule): Value {
  const bytes = bytesOf(leaf.text, document);
  const encrypted = bytes.length > 0 && rule.encrypts(leaf.path);
  if (!encrypted && leaf.type === "int" && !Number.isSafeInteger(Number(leaf.text))) {
    const message = `${leaf.name} would stand in plaintext, where sops before 3.13.2 rounds such a number`;
    throw new SidecryptError("value-unstorable", message, "put it in quotes");
  }
  return { name: leaf.name, bytes, type: leaf.type, encrypted, leaf };
}

function sealed(
  { leaf, bytes, type, encrypted }: Value,
  { store, dataKey }: Sealing,
  document: Document,
  kept: (value: Value) => string | null,
): Edit[] {
  if (!encrypted) return [];
  const value: Value = { name: leaf.name, bytes, type, encrypted, leaf };
  const text = kept(value) ?? encryptValue(bytes, dataKey, pathAad(leaf.path), type);
  return [{ ...leaf.slot, text: store.token(text, "str", leaf, document) }];
}

/** Under a rule that lists what is encrypted, comments outside such keys stay in plaintext (sops.md §5). */
function sealedComments(document: Document, rule: Rule, dataKey: Buffer, kept: ReadonlyMap<string, string>): Edit[] {
  return document.comments.flatMap(({ text, slot, paths, prefix }) => {
    const [path = []] = paths;
    if (text === "" || !rule.encrypts(path)) return [];
    const written = kept.get(text) ?? encryptValue(bytesOf(text, document), dataKey, pathAad(path), "comment");
    return [{ ...slot, text: prefix + written }];
  });
}

/** Ciphertext by plaintext. */
function oldComments({ document, dataKey }: Unsealed): Map<string, string> {
  const texts = new Map<string, string>();
  for (const comment of document.comments) {
    const opened = openComment(comment, dataKey);
    if (opened !== null) texts.set(opened.text.toString(document.encoding), comment.text);
  }
  return texts;
}

function requireNotExposed(value: Value, held: Value | undefined, rule: Rule): void {
  if (value.encrypted || value.bytes.length === 0) return;
  if (held?.encrypted === false && held.bytes.equals(value.bytes)) return;
  throw exposed(value.name, rule);
}

function exposed(name: string, rule: Rule): SidecryptError {
  const message = `the file's rule (${METADATA_PREFIX}${rule.field}) would store ${name} in plaintext`;
  return new SidecryptError("value-unstorable", message, "choose another name, or look at who changed the rule");
}
