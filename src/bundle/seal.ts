/**
 * Writing bundles (sops.md §3.4, §8). A change keeps the data key, the recipients and every unchanged byte, so that a
 * diff shows one value, `lastmodified` and the MAC; a new file has everything new. What is written is opened again
 * before it is returned.
 */
import { randomBytes } from "node:crypto";
import { SidecryptError } from "../errors.ts";
import { innerDotenv } from "./binary.ts";
import { wrapDataKey } from "./datakey.ts";
import { applyEdits, bytesOf, type AgeEntry, type Comment, type Document, type Edit, type Leaf } from "./document.ts";
import { dotenv, escapeLineFeeds } from "./dotenv.ts";
import type { Identities } from "./identities.ts";
import { sealMac } from "./mac.ts";
import { contentOf, refuseEmpty, unseal, type OpenOptions, type Unsealed, type Value } from "./open.ts";
import type { Rule } from "./rule.ts";
import { requireStorableName, requireStorableValue } from "./storable.ts";
import { formatTime } from "./time.ts";
import { DATA_KEY_BYTES, decryptValue, encryptValue, parseEnc, pathAad } from "./value.ts";

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
  const before = await unseal(bytes, identities);
  const content = contentOf(before);
  requireStorableValue(name, Buffer.from(value), content.isDotenv, options.allowEmpty.has(name));
  const held = content.values.find((candidate) => candidate.name === name);
  if (held?.type === "str" && held.bytes.equals(value)) return Uint8Array.from(bytes);
  const wanted = withValue(content.values, name, Buffer.from(value));
  const changed = content.inner === null ? setOuter(before, name, Buffer.from(value)) : null;
  const written = changed ?? setInner(before, content.inner, name, Buffer.from(value));
  return finished(before, written, identities, wanted, now, options);
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
  const content = contentOf(before);
  const held = content.values.find((value) => value.name === name);
  if (held === undefined) throw new SidecryptError("secret-missing", `the bundle has no ${name}`);
  if (held.leaf.entry === null) {
    const hint = "remove it from the plaintext with `sidecrypt edit` or `sops edit`";
    throw new SidecryptError(
      "value-unstorable",
      `${name} is an element of a list: the others would change names`,
      hint,
    );
  }
  const wanted = content.values.filter((value) => value !== held);
  const written =
    content.inner === null
      ? {
          edits: [before.store.remove(before.document, held.leaf)],
          values: before.values.filter((one) => one !== held),
        }
      : replaceInner(before, applyEdits(content.inner.text, [dotenv.remove(content.inner, held.leaf)]));
  return finished(before, written, identities, wanted, now, options);
}

/**
 * The same data key for other recipients: whoever had it still has it (sops.md §8). `sops updatekeys` wraps it for all
 * anew; here who stays keeps the entry that is there: one that somebody put into the list, which nothing authenticates,
 * opens for nobody, and has to go on doing so.
 * @param renewed - whose entry is made anew even so.
 */
export async function withRecipients(
  bytes: Uint8Array,
  identities: Identities,
  recipients: readonly string[],
  renewed: readonly string[] = [],
): Promise<Uint8Array> {
  const before = await unseal(bytes, identities);
  const { document, store, dataKey, metadata } = before;
  const wanted = [...new Set(recipients)];
  const kept = metadata.age.filter(({ recipient }) => wanted.includes(recipient) && !renewed.includes(recipient));
  const added = wanted.filter((one) => !kept.some(({ recipient }) => recipient === one));
  const made = kept.length > 0 && added.length === 0 ? [] : await wrapAll(dataKey, added);
  const age = wanted.flatMap((one) => [...kept, ...made].filter(({ recipient }) => recipient === one));
  const edits = store.replaceAge(document, age);
  const after = bytesOf(applyEdits(document.text, edits), document);
  return Uint8Array.from(after);
}

/** The same values under a new data key, for these recipients only; comments and the rule stay. */
export async function rewrap(
  bytes: Uint8Array,
  identities: Identities,
  recipients: readonly string[],
  now: Date,
): Promise<Uint8Array> {
  const before = await unseal(bytes, identities);
  const { document, store, metadata } = before;
  if (metadata.otherServices.length > 0) {
    const services = metadata.otherServices.join(", ");
    const hint = "rotate it with `sops rotate`, which knows those services";
    throw new SidecryptError(
      "bundle-unsupported",
      `the file is encrypted for other key services too (${services})`,
      hint,
    );
  }
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const age = await wrapAll(dataKey, recipients);
  const edits = [
    ...before.values.filter(({ encrypted }) => encrypted).map((value) => sealEdit(before, value, dataKey)),
    ...document.comments.flatMap((comment) => resealComment(comment, before.dataKey, dataKey)),
    ...store.replaceAge(document, age),
    ...macEdits(before, before.values, dataKey, now),
  ];
  return Uint8Array.from(bytesOf(applyEdits(document.text, edits), document));
}

export async function wrapAll(dataKey: Buffer, recipients: readonly string[]): Promise<AgeEntry[]> {
  if (recipients.length === 0) throw new SidecryptError("usage", "a bundle needs at least one recipient");
  return Promise.all(recipients.map((recipient) => wrapDataKey(dataKey, recipient)));
}

/** A change of the data, and the values that the MAC then covers. */
interface Written {
  readonly edits: readonly Edit[];
  readonly values: readonly Value[];
}

function setOuter(before: Unsealed, name: string, bytes: Buffer): Written {
  const { document, store, dataKey, metadata } = before;
  const held = before.values.find((value) => value.name === name);
  const path = held?.leaf.path ?? [name];
  requireEncrypting(metadata.rule, path, name);
  const text = bytes.length === 0 ? "" : encryptValue(bytes, dataKey, pathAad(path), "str");
  const values = withValue(before.values, name, bytes);
  if (held === undefined) {
    requireNoBranch(before.values, name);
    return { edits: [store.append(document, name, text)], values };
  }
  return { edits: [{ ...held.leaf.slot, text: store.token(text, "str", held.leaf, document) }], values };
}

/** sops would put the value in the place of everything below the key. */
function requireNoBranch(values: readonly Value[], name: string): void {
  const below = values.find(({ leaf }) => leaf.path[0] === name);
  if (below === undefined) return;
  const hint = `set one of its values (${below.name}), or change it with \`sidecrypt edit\``;
  throw new SidecryptError("value-unstorable", `${name} is a map or a list in the bundle`, hint);
}

function setInner(before: Unsealed, inner: Document | null, name: string, bytes: Buffer): Written {
  if (inner === null) throw new SidecryptError("internal", "no dotenv file inside");
  const text = bytes.toString("latin1");
  const held = inner.leaves.find((leaf) => leaf.name === name);
  const edit = held === undefined ? dotenv.append(inner, name, text) : { ...held.slot, text: escapeLineFeeds(text) };
  return replaceInner(before, applyEdits(inner.text, [edit]));
}

/** @param inner - the dotenv file inside a binary bundle, latin1. */
function replaceInner(before: Unsealed, inner: string): Written {
  const [whole] = before.values;
  if (!whole?.encrypted) throw new SidecryptError("value-unstorable", "`data` is in plaintext");
  const changed = { ...whole, bytes: Buffer.from(inner, "latin1") };
  if (innerDotenv(changed.bytes) === null) {
    throw new SidecryptError("value-unstorable", "the file inside would hold no secret", "remove the bundle instead");
  }
  return { edits: [sealEdit(before, changed, before.dataKey)], values: [changed] };
}

async function finished(
  before: Unsealed,
  { edits, values }: Written,
  identities: Identities,
  wanted: readonly Value[],
  now: Date,
  options: SetOptions,
): Promise<Uint8Array> {
  const { document } = before;
  const all = [...edits, ...macEdits(before, values, before.dataKey, now)];
  const after = bytesOf(applyEdits(document.text, all), document);
  await requireHolds(after, identities, wanted, options);
  return Uint8Array.from(after);
}

/** The new time and the MAC of these values, in the slots of the old ones. */
export function macEdits(
  { document, store }: Pick<Unsealed, "document" | "store">,
  values: readonly Pick<Value, "bytes">[],
  dataKey: Buffer,
  now: Date,
): Edit[] {
  const lastModified = formatTime(now);
  const texts: Readonly<Record<string, string>> = {
    lastmodified: lastModified,
    mac: macOf(values, dataKey, lastModified),
  };
  return (document.metadata?.fields ?? []).flatMap(({ name, slot }) => {
    const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
    return text === undefined ? [] : [{ ...slot, text: store.fieldToken(text) }];
  });
}

export function macOf(values: readonly Pick<Value, "bytes">[], dataKey: Buffer, lastModified: string): string {
  const plaintexts = values.map((value) => value.bytes);
  return sealMac(plaintexts, dataKey, lastModified);
}

function withValue(values: readonly Value[], name: string, bytes: Buffer): Value[] {
  const at = values.findIndex((value) => value.name === name);
  const held = values[at];
  if (held !== undefined) return values.with(at, { ...held, bytes, type: "str", encrypted: bytes.length > 0 });
  return [...values, { name, bytes, type: "str", encrypted: bytes.length > 0, leaf: topLevel(name) }];
}

function topLevel(name: string): Leaf {
  const nowhere = { start: 0, end: 0 };
  return { path: [name], name, text: "", type: "str", slot: nowhere, entry: nowhere, indent: null };
}

function sealEdit({ document, store }: Pick<Unsealed, "document" | "store">, value: Value, dataKey: Buffer): Edit {
  const { leaf, bytes, type } = value;
  const text = encryptValue(bytes, dataKey, pathAad(leaf.path), type);
  return { ...leaf.slot, text: store.token(text, "str", leaf, document) };
}

/** A comment that does not decrypt stays as it stands, as in sops: comments are not authenticated. */
function resealComment(comment: Comment, oldKey: Buffer, newKey: Buffer): Edit[] {
  const opened = openComment(comment, oldKey);
  if (opened === null) return [];
  const text = comment.prefix + encryptValue(opened.text, newKey, pathAad(opened.path), "comment");
  return [{ ...comment.slot, text }];
}

/** Null: it stands in plaintext, or is not ours. */
export function openComment(
  { text, paths }: Comment,
  dataKey: Buffer,
): { readonly text: Buffer; readonly path: readonly string[] } | null {
  const sealed = parseEnc(text);
  if (sealed?.type !== "comment") return null;
  for (const path of paths) {
    const bytes = decryptValue(sealed, dataKey, pathAad(path));
    if (bytes !== null) return { text: bytes, path };
  }
  return null;
}

/** A forger may have changed the rule, which nothing authenticates, so that the next writer writes plaintext. */
function requireEncrypting(rule: Rule, path: readonly string[], name: string): void {
  if (rule.encrypts(path)) return;
  const message = `the file's rule (sops_${rule.field}) would store ${name} in plaintext`;
  throw new SidecryptError("value-unstorable", message, "choose another name, or look at who changed the rule");
}

/** Before anything is returned: the new file opens, and holds exactly what it should. */
export async function requireHolds(
  bytes: Uint8Array,
  identities: Identities,
  wanted: readonly Pick<Value, "name" | "bytes">[],
  options: SetOptions,
): Promise<void> {
  const { values, text } = contentOf(await unseal(bytes, identities));
  refuseEmpty(values, options.allowEmpty, text);
  requireSame(values, wanted);
}

export function requireSame(values: readonly Value[], wanted: readonly Pick<Value, "name" | "bytes">[]): void {
  const same = values.length === wanted.length && values.every((value, index) => isSame(value, wanted[index]));
  if (!same) throw new SidecryptError("internal", "the new file does not hold what was set");
}

function isSame(value: Value, wanted: Pick<Value, "name" | "bytes"> | undefined): boolean {
  return value.name === wanted?.name && value.bytes.equals(wanted.bytes);
}
