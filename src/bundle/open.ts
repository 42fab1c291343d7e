/**
 * Bytes in, a verified bundle out, under the strict profile of sops.md §11.4. Order is the safety of it: structure,
 * data key, every value, MAC; only then does a value leave.
 */
import { SidecryptError } from "../errors.ts";
import type { Bundle, Opened, Warning } from "../types.ts";
import { innerDotenv, isBinaryContent, isBinaryShape } from "./binary.ts";
import { recoverDataKey } from "./datakey.ts";
import { bytesOf, lineAt, type Document, type Leaf } from "./document.ts";
import type { Identities } from "./identities.ts";
import { requireMac } from "./mac.ts";
import { meaningOf } from "./meaning.ts";
import { parseMetadata, type Metadata } from "./metadata.ts";
import { nameFault } from "./names.ts";
import type { Rule } from "./rule.ts";
import { readBundle, type BundleText } from "./stores.ts";
import { isCanonical, isValueType } from "./types.ts";
import { decryptValue, parseEnc, pathAad } from "./value.ts";

export interface OpenOptions {
  /** Names that may be empty: SOPS neither encrypts nor authenticates an empty value. */
  readonly allowEmpty: ReadonlySet<string>;
  /** "compose": quotes in dotenv are syntax, as in Compose's env_file; "raw": SOPS' own bytes. */
  readonly dotenv: "compose" | "raw";
}

/** A value as SOPS holds it in memory. */
export interface Value {
  readonly name: string;
  readonly bytes: Buffer;
  /** "none": null, or an empty map or list. */
  readonly type: Leaf["type"];
  /** False: the file's rule leaves it in plaintext, or it is empty. */
  readonly encrypted: boolean;
  readonly leaf: Leaf;
}

/** A bundle whose MAC was compared. Holds the data key: for sealing only. */
export interface Unsealed extends BundleText {
  readonly metadata: Metadata;
  readonly dataKey: Buffer;
  readonly values: readonly Value[];
}

export async function open(bundle: Bundle, identities: Identities, options: OpenOptions): Promise<Opened> {
  return (await openUnsealed(bundle, identities, options)).opened;
}

/** With what it was read from, the data key wiped. */
export async function openUnsealed(
  { path, bytes, digest }: Bundle,
  identities: Identities,
  options: OpenOptions,
): Promise<{ readonly opened: Opened; readonly unsealed: Unsealed }> {
  return within(path, async () => {
    const unsealed = await unseal(bytes, identities);
    unsealed.dataKey.fill(0);
    const { secrets, warnings } = deliverable(contentOf(unsealed), options);
    const { fingerprintKey } = identities;
    const opened = { digest, secrets, warnings: [...unsealed.metadata.warnings, ...warnings], fingerprintKey };
    return { opened, unsealed };
  });
}

/** Everything but the policy on empty values and the meaning of quotes. */
export async function unseal(bytes: Uint8Array, identities: Identities): Promise<Unsealed> {
  const { text, metadata } = readStructure(bytes);
  return verified(text, metadata, await recoverDataKey(metadata, identities));
}

/** What was just written, by its data key: whoever encrypts need not hold a key that opens it. */
export function unsealWith(bytes: Uint8Array, dataKey: Buffer): Unsealed {
  const { text, metadata } = readStructure(bytes);
  return verified(text, metadata, dataKey);
}

function readStructure(bytes: Uint8Array): { readonly text: BundleText; readonly metadata: Metadata } {
  const text = readBundle(bytes);
  const metadata = describeMetadata(text);
  requireNames(text.document, RESTORE);
  return { text, metadata };
}

function verified(text: BundleText, metadata: Metadata, dataKey: Buffer): Unsealed {
  const { document } = text;
  const values = document.leaves.map((leaf) => readValue(leaf, document, metadata.rule, dataKey));
  const plaintexts = values.map((value) => value.bytes);
  requireMac(metadata.mac, plaintexts, dataKey, metadata.lastModified);
  return { ...text, metadata, dataKey, values };
}

/** Needs no key, and authenticates nothing. */
export function describeMetadata({ document }: BundleText): Metadata {
  if (document.metadata === null) {
    throw new SidecryptError(
      "bundle-forged",
      "encrypted values without SOPS' metadata (sops_ lines, or sops)",
      RESTORE,
    );
  }
  return parseMetadata(document.metadata, document.text);
}

/** sops keeps both of two; whoever reads the last one can be fed an empty or an old value (sops.md §11.2). */
export function requireNames({ leaves, text }: Document, hint: string): void {
  const seen = new Map<string, Leaf>();
  for (const leaf of leaves) {
    const fault = nameFault(leaf.name);
    if (fault !== null) throw new SidecryptError(fault.code, `${lineOf(leaf, text)}: ${fault.message}`, fault.hint);
    const first = seen.get(leaf.name);
    if (first !== undefined) throw twice(first, leaf, text, hint);
    seen.set(leaf.name, leaf);
  }
}

function twice(first: Leaf, second: Leaf, text: string, hint: string): SidecryptError {
  const [one, other] = [first, second].map((leaf) => `${leaf.path.join(".")}, ${lineOf(leaf, text)}`);
  const lines = `${lineOf(first, text)} and ${lineOf(second, text).slice("line ".length)}`;
  if (first.path.join(".") === second.path.join(".")) {
    return new SidecryptError(
      "bundle-malformed",
      `${first.name} stands twice (${lines.replace("line ", "lines ")})`,
      hint,
    );
  }
  const message = `two keys make one name, ${first.name}: ${one}; ${other}`;
  return new SidecryptError("bundle-malformed", message, "rename one of them");
}

function lineOf(leaf: Leaf, text: string): string {
  return `line ${lineAt(text, leaf.slot.start)}`;
}

function readValue(leaf: Leaf, document: Document, rule: Rule, dataKey: Buffer): Value {
  const { name, text, type: plainType } = leaf;
  if (text.length === 0 || !rule.encrypts(leaf.path)) {
    return { name, bytes: bytesOf(text, document), type: plainType, encrypted: false, leaf };
  }
  const sealed = plainType === "str" ? parseEnc(text) : null;
  if (sealed === null) throw notEncrypted(leaf, document);
  const { type } = sealed;
  if (!isValueType(type)) throw forged(leaf, document, "has a type that stands on no value");
  const bytes = decryptValue(sealed, dataKey, pathAad(leaf.path));
  if (bytes === null) {
    throw forged(leaf, document, "does not decrypt: it was changed, renamed or taken from another file");
  }
  if (!isCanonical(type, bytes)) throw forged(leaf, document, `is not written as type ${type} is`);
  return { name, bytes, type, encrypted: true, leaf };
}

function notEncrypted(leaf: Leaf, document: Document): SidecryptError {
  const begun = leaf.text.startsWith("ENC[");
  const what = begun ? "is not an exact ENC[…] text" : "stands in plaintext where the file's rule encrypts";
  return forged(leaf, document, what);
}

function forged(leaf: Leaf, { text }: Document, message: string): SidecryptError {
  return new SidecryptError("bundle-forged", `${leaf.name} (${lineOf(leaf, text)}) ${message}`, RESTORE);
}

/** What a consumer may get of it: the values, or those of the dotenv file that a binary bundle holds. */
export interface Content {
  readonly values: readonly Value[];
  /** Quotes have a meaning in dotenv only. */
  readonly isDotenv: boolean;
  /** The bundle's one value is a whole file. */
  readonly isBinary: boolean;
  /** What the values stand in, for line numbers. */
  readonly text: string;
  /** Of the dotenv file inside a binary bundle; null: there is none. */
  readonly inner: Document | null;
}

export function contentOf({ format, document, values, metadata }: Unsealed): Content {
  const whole = isBinaryShape(document) ? values[0] : undefined;
  const inner = whole === undefined ? null : innerDotenv(whole.bytes);
  if (inner === null) {
    const isBinary = whole !== undefined && isBinaryContent(whole.bytes, metadata.hasRule);
    if (!isBinary)
      values.forEach((value) => {
        refuseNul(value, document);
      });
    return { values, isDotenv: format === "dotenv", isBinary, text: document.text, inner };
  }
  requireNames(inner, "correct it with `sops edit`");
  const held = inner.leaves.map((leaf): Value => {
    // One ciphertext holds the whole file: its empty values are authenticated too.
    return { name: leaf.name, bytes: bytesOf(leaf.text, inner), type: "str", encrypted: true, leaf };
  });
  held.forEach((value) => {
    refuseNul(value, inner);
  });
  return { values: held, isDotenv: true, isBinary: true, text: inner.text, inner };
}

function refuseNul({ name, bytes, leaf }: Value, { text }: Document): void {
  if (!bytes.includes(0)) return;
  throw new SidecryptError("bundle-malformed", `the value of ${name} (${lineOf(leaf, text)}) holds a NUL byte`);
}

/** @param text - what the values stand in. */
export function refuseEmpty(values: readonly Value[], allowed: ReadonlySet<string>, text: string): void {
  const empty = values.find((value) => value.bytes.length === 0 && !value.encrypted && !allowed.has(value.name));
  if (empty === undefined) return;
  const message = `${empty.name} (${lineOf(empty.leaf, text)}) is empty: SOPS does not authenticate empty values`;
  throw new SidecryptError("bundle-empty-value", message, `if it is meant: SIDECRYPT_ALLOW_EMPTY=${empty.name}`);
}

function deliverable(
  { values, isDotenv, text }: Content,
  { allowEmpty, dotenv }: OpenOptions,
): Pick<Opened, "secrets" | "warnings"> {
  refuseEmpty(values, allowEmpty, text);
  const secrets = new Map<string, Uint8Array>();
  const warnings: Warning[] = [];
  for (const value of values) {
    const asWritten = !isDotenv || dotenv === "raw" || value.type !== "str";
    const meaning = asWritten ? { bytes: value.bytes, notes: [] } : meaningOf(value.bytes);
    secrets.set(value.name, new Uint8Array(meaning.bytes));
    for (const message of [...storageNotes(value), ...meaning.notes]) warnings.push({ subject: value.name, message });
  }
  return { secrets, warnings };
}

function storageNotes({ bytes, type, encrypted }: Value): string[] {
  const notes: string[] = [];
  if (type !== "str" && type !== "none") {
    notes.push(`is stored as ${type}, not as text: delivered as stored; sops prints floats and bools differently`);
  }
  if (!encrypted && bytes.length > 0) {
    notes.push("stands in plaintext by the file's rule: its name is not authenticated");
  }
  return notes;
}

/** Puts the file's name before what is wrong with it. */
async function within<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof SidecryptError)) throw thrown;
    throw new SidecryptError(thrown.code, `${path}: ${thrown.message}`, thrown.hint);
  }
}

const RESTORE = "restore the file from git and change it only with `sidecrypt set` or `sops edit`";
