/**
 * Bytes in, a verified bundle out, under the strict profile of sops.md §11.4. Order is the safety of it: structure,
 * data key, every value, MAC; only then does a value leave.
 */
import { SidecryptError } from "../errors.ts";
import type { Bundle, Opened, Warning } from "../types.ts";
import { recoverDataKey } from "./datakey.ts";
import { parseLines, splitLines, type Entry, type Line } from "./dotenv.ts";
import type { Identities } from "./identities.ts";
import { MAX_FILE_BYTES, MAX_SECRETS } from "./limits.ts";
import { requireMac } from "./mac.ts";
import { meaningOf } from "./meaning.ts";
import { METADATA_PREFIX, parseMetadata, type Metadata } from "./metadata.ts";
import { nameFault } from "./names.ts";
import type { Rule } from "./rule.ts";
import { isSopsDotenv, sniff } from "./sniff.ts";
import { isCanonical, isValueType, type ValueType } from "./types.ts";
import { decryptValue, parseEnc, pathAad } from "./value.ts";

export interface OpenOptions {
  /** Names that may be empty: SOPS neither encrypts nor authenticates an empty value. */
  readonly allowEmpty: ReadonlySet<string>;
  /** "compose": quotes are syntax, as in Compose's env_file; "raw": SOPS' own bytes. */
  readonly dotenv: "compose" | "raw";
}

/** A value as SOPS holds it in memory. */
export interface Value {
  readonly name: string;
  readonly line: number;
  readonly bytes: Buffer;
  readonly type: ValueType;
  /** False: the file's rule leaves it in plaintext, or it is empty. */
  readonly encrypted: boolean;
}

/** A bundle whose MAC was compared. Holds the data key: for sealing only. */
export interface Unsealed {
  readonly lines: readonly Line[];
  readonly metadata: Metadata;
  readonly dataKey: Buffer;
  readonly values: readonly Value[];
}

export async function open(bundle: Bundle, identities: Identities, options: OpenOptions): Promise<Opened> {
  return within(bundle.path, async () => {
    const { metadata, dataKey, values } = await unseal(bundle.bytes, identities);
    dataKey.fill(0);
    refuseEmpty(values, options.allowEmpty);
    const { secrets, warnings } = deliverable(values, options.dotenv);
    const fingerprintKey = identities.fingerprintKey;
    return { digest: bundle.digest, secrets, warnings: [...metadata.warnings, ...warnings], fingerprintKey };
  });
}

/** Everything but the policy on empty values and the meaning of quotes. */
export async function unseal(bytes: Uint8Array, identities: Identities): Promise<Unsealed> {
  const { lines, data, metadata } = parseBundle(bytes);
  refuseDuplicates(data);
  const dataKey = await recoverDataKey(metadata, identities);
  const values = data.map((entry) => readValue(entry, metadata.rule, dataKey));
  const plaintexts = values.map((value) => value.bytes);
  requireMac(metadata.mac, plaintexts, dataKey, metadata.lastModified);
  values.forEach(refuseNul);
  return { lines, metadata, dataKey, values };
}

export function isMetadata(line: Line): line is Entry {
  return line.kind === "entry" && line.name.startsWith(METADATA_PREFIX);
}

function isData(line: Line): line is Entry {
  return line.kind === "entry" && !line.name.startsWith(METADATA_PREFIX);
}

/** Structure only: needs no key, and authenticates nothing. */
export function parseBundle(bytes: Uint8Array): { lines: Line[]; data: Entry[]; metadata: Metadata } {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new SidecryptError("bundle-too-large", `the file has more than ${MAX_FILE_BYTES} bytes`);
  }
  requireDotenv(bytes);
  refuseConverted(bytes);
  const lines = parseLines(bytes);
  const data = lines.filter(isData);
  const metadata = lines.filter(isMetadata);
  if (metadata.length === 0) throw new SidecryptError("bundle-forged", "encrypted values without sops_ lines", RESTORE);
  if (data.length > MAX_SECRETS) throw new SidecryptError("bundle-too-large", `more than ${MAX_SECRETS} secrets`);
  data.forEach(requireName);
  return { lines, data, metadata: parseMetadata(metadata) };
}

function requireName({ name, line }: Entry): void {
  const fault = nameFault(name);
  if (fault !== null) throw new SidecryptError(fault.code, `line ${line}: ${fault.message}`, fault.hint);
}

function requireDotenv(bytes: Uint8Array): void {
  const format = sniff(bytes);
  if (format === "sops-json" || format === "sops-yaml") {
    const hint = "encrypt a dotenv file: sops encrypt --input-type dotenv --output-type dotenv";
    throw new SidecryptError("bundle-format", `the file is ${format}, not SOPS dotenv`, hint);
  }
  if (format === "dotenv") return;
  const what = format === "plain-dotenv" ? "a plain dotenv file" : "no SOPS file";
  throw new SidecryptError("bundle-not-encrypted", `the file is ${what}: it has no sops_ lines`, ENCRYPT);
}

/** A checkout that made CRLF of every LF, and any NUL: both before the lines are taken for what they are not. */
function refuseConverted(bytes: Uint8Array): void {
  let line = 0;
  for (const text of splitLines(bytes)) {
    line += 1;
    if (text.includes(0)) throw new SidecryptError("bundle-malformed", `line ${line} holds a NUL byte`, RESTORE);
    if (text.at(-1) === 0x0d && isSopsDotenv(text)) {
      const hint = "add `*.env -text` for it to .gitattributes and check it out again";
      throw new SidecryptError(
        "bundle-malformed",
        "its line ends were converted to CRLF (Windows, git autocrlf)",
        hint,
      );
    }
  }
}

/** sops keeps both; whoever reads the last one can be fed an empty or an old value (sops.md §11.2). */
function refuseDuplicates(entries: readonly Entry[]): void {
  const seen = new Map<string, number>();
  for (const { name, line } of entries) {
    const first = seen.get(name);
    if (first !== undefined) {
      throw new SidecryptError("bundle-malformed", `${name} stands twice (lines ${first} and ${line})`, RESTORE);
    }
    seen.set(name, line);
  }
}

function readValue(entry: Entry, rule: Rule, dataKey: Buffer): Value {
  const { name, line, value } = entry;
  if (value.length === 0 || !rule.encrypts(name)) return { name, line, bytes: value, type: "str", encrypted: false };
  const sealed = parseEnc(value.toString("latin1"));
  if (sealed === null) throw notEncrypted(entry);
  const { type } = sealed;
  if (!isValueType(type)) throw forged(entry, "has a type that stands on no value");
  const bytes = decryptValue(sealed, dataKey, pathAad(name));
  if (bytes === null) throw forged(entry, "does not decrypt: it was changed, renamed or taken from another file");
  if (!isCanonical(type, bytes)) throw forged(entry, `is not written as type ${type} is`);
  return { name, line, bytes, type, encrypted: true };
}

function notEncrypted(entry: Entry): SidecryptError {
  const begun = entry.value.subarray(0, 4).equals(Buffer.from("ENC["));
  return forged(entry, begun ? "is not an exact ENC[…] text" : "stands in plaintext where the file's rule encrypts");
}

function forged({ name, line }: Entry, message: string): SidecryptError {
  return new SidecryptError("bundle-forged", `${name} (line ${line}) ${message}`, RESTORE);
}

function refuseNul({ name, line, bytes }: Value): void {
  if (!bytes.includes(0)) return;
  throw new SidecryptError("bundle-malformed", `the value of ${name} (line ${line}) holds a NUL byte`);
}

export function refuseEmpty(values: readonly Value[], allowed: ReadonlySet<string>): void {
  const empty = values.find((value) => value.bytes.length === 0 && !allowed.has(value.name));
  if (empty === undefined) return;
  const message = `${empty.name} (line ${empty.line}) is empty: SOPS does not authenticate empty values`;
  throw new SidecryptError("bundle-empty-value", message, `if it is meant: SIDECRYPT_ALLOW_EMPTY=${empty.name}`);
}

function deliverable(values: readonly Value[], dotenv: OpenOptions["dotenv"]): Pick<Opened, "secrets" | "warnings"> {
  const secrets = new Map<string, Uint8Array>();
  const warnings: Warning[] = [];
  for (const value of values) {
    const meaning =
      dotenv === "raw" || value.type !== "str" ? { bytes: value.bytes, notes: [] } : meaningOf(value.bytes);
    secrets.set(value.name, Uint8Array.from(meaning.bytes));
    for (const message of [...storageNotes(value), ...meaning.notes]) warnings.push({ subject: value.name, message });
  }
  return { secrets, warnings };
}

function storageNotes({ bytes, type, encrypted }: Value): string[] {
  if (type !== "str")
    return [`is stored as ${type}, not as text: delivered as stored; sops prints floats and bools differently`];
  return encrypted || bytes.length === 0
    ? []
    : ["stands in plaintext by the file's rule: its name is not authenticated"];
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
const ENCRYPT = "encrypt it before it is committed: sops encrypt --in-place FILE.env";
