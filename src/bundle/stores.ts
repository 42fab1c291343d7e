/** Which store reads a file: by its content, never by its name (sops.md §2.1). */
import { SidecryptError } from "../errors.ts";
import { isBinaryShape } from "./binary.ts";
import type { Document, Format, Store } from "./document.ts";
import { dotenv, splitLines } from "./dotenv.ts";
import { json } from "./json-store.ts";
import { MAX_FILE_BYTES } from "./limits.ts";
import { isSopsDotenv, sniff } from "./sniff.ts";
import { yaml } from "./yaml.ts";

export const STORES = { dotenv, json, yaml, binary: json } as const;

export interface BundleText {
  /** A binary file is JSON with one value, `data`: which of the two was meant shows only in the plaintext. */
  readonly format: "dotenv" | "json" | "yaml";
  readonly store: Store;
  readonly document: Document;
}

/** An encrypted file, its structure read. */
export function readBundle(bytes: Uint8Array): BundleText {
  requireSize(bytes);
  const format = sniff(bytes);
  if (format === "ini") throw new SidecryptError("bundle-format", INI, INI_HINT);
  if (format === "plain-dotenv" || format === "other") {
    const what = format === "plain-dotenv" ? "a plain dotenv file" : "no SOPS file";
    throw new SidecryptError("bundle-not-encrypted", `the file is ${what}: it has no SOPS metadata`, ENCRYPT);
  }
  refuseConverted(bytes);
  const store = STORES[format];
  return { format, store, document: store.parse(bytes) };
}

/** A plaintext file of a format that is named. Throws where it holds SOPS' metadata already. */
export function readPlain(bytes: Uint8Array, format: "dotenv" | "json" | "yaml"): Document {
  requireSize(bytes);
  const document = STORES[format].parse(bytes);
  if (document.metadata === null) return document;
  const own = format === "dotenv" ? "names that start with sops_" : "a key sops at its top";
  throw new SidecryptError("value-unstorable", `the file is encrypted already, or holds ${own}`);
}

/** Without a key: "binary" where it may be one. */
export function outwardFormat({ format, document }: BundleText): Format {
  return format === "json" && isBinaryShape(document) ? "binary" : format;
}

function requireSize(bytes: Uint8Array): void {
  if (bytes.length <= MAX_FILE_BYTES) return;
  throw new SidecryptError("bundle-too-large", `the file has more than ${MAX_FILE_BYTES} bytes`);
}

/** A checkout that made CRLF of every LF, and any NUL: both before the lines are taken for what they are not. */
function refuseConverted(bytes: Uint8Array): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nul = text.indexOf(0);
  const carriageReturn = text.indexOf("\r\n");
  if (nul < 0 && carriageReturn < 0) return;
  let line = 0;
  for (const part of splitLines(bytes)) {
    line += 1;
    if (part.includes(0)) throw new SidecryptError("bundle-malformed", `line ${line} holds a NUL byte`, RESTORE);
    if (part.at(-1) === 0x0d && isSopsDotenv(part)) {
      const hint = "add `*.env -text` for it to .gitattributes and check it out again";
      const message = "its line ends were converted to CRLF (Windows, git autocrlf)";
      throw new SidecryptError("bundle-malformed", message, hint);
    }
  }
}

const INI = "the file is SOPS INI, which sidecrypt does not open: its sections and quotes have no one reading";
const INI_HINT = "convert it: sops decrypt --output-type json FILE.ini, then encrypt that as FILE.json";
const RESTORE = "restore the file from git and change it only with `sidecrypt set` or `sops edit`";
const ENCRYPT = "encrypt it before it is committed: sops encrypt --in-place FILE.env";
