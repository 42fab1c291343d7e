/** The texts and bytes that a value becomes on its way into a log, a URL, a header, a document (tmpfs-and-leaks.md §1.4). */
import { asUrl, base32At, base64At, each, swapped } from "./encodings.ts";
import { otherEscapes, usualEscapes } from "./escapes.ts";
import { tellingLines } from "./lines.ts";

export interface Form {
  readonly form: string;
  readonly bytes: Uint8Array;
}

export interface Breadth {
  /** Only what nearly everything makes: for the redactor of a large bundle. */
  readonly usual?: boolean;
  readonly digests?: boolean;
  /** Bytes; of a longer value, as many from its start stand for all of it [MAX_VALUE]. */
  readonly most?: number;
}

/** Fewer bytes are in any text by chance, whatever they encode. */
export const MIN_FORM = 6;
/** A multiple of 3 and of 5. */
export const MAX_VALUE = 960;
/** Name and bytes, shortest first. */
const DIGESTS = [
  ["md5", 16],
  ["sha1", 20],
  ["sha256", 32],
  ["sha512", 64],
] as const;
/** Characters of the shortest form of a digest: md5 in base64. */
export const MIN_DIGEST = 22;
const ALIGNMENTS = [0, 1, 2];

/** Distinct in their bytes, the plainest first. */
export function formsOf(value: Uint8Array, { usual = false, digests = true, most = MAX_VALUE }: Breadth = {}): Form[] {
  const found = new Map<string, Form>();
  const add = (form: string, text: string | Uint8Array): void => {
    const key = typeof text === "string" ? text : Buffer.from(text).toString("latin1");
    if (found.has(key)) return;
    const bytes = Buffer.from(text as string);
    if (bytes.length >= MIN_FORM) found.set(key, { form, bytes });
  };
  const head = Buffer.from(value.subarray(0, most));
  const texts = textsOf(head);
  add("raw", head);
  for (const text of texts) add("trimmed", text);
  addBase64(add, "base64", head);
  add("hex", head.toString("hex"));
  add("hex", head.toString("hex").toUpperCase());
  for (const [form, escaped] of texts.filter(isChanged).flatMap(usualEscapes)) add(form, escaped);
  if (usual) return [...found.values()];
  for (const [form, escaped] of texts.flatMap(otherEscapes)) add(form, escaped);
  addBytes(add, head);
  const [text] = texts;
  if (text !== undefined) addWide(add, text);
  if (digests) for (const { form, bytes } of digestsOf(value)) add(form, bytes);
  if (text !== undefined) for (const line of tellingLines(Buffer.from(value).toString())) add("line", line);
  return [...found.values()];
}

const MADE = new WeakMap<Uint8Array, readonly Form[]>();

/** All of them, kept as long as the value itself: whoever prints what was found needs the same once more. */
export function keptForms(value: Uint8Array): readonly Form[] {
  const forms = madeForms(value) ?? formsOf(value);
  MADE.set(value, forms);
  return forms;
}

/** Null: nobody has asked for all of them yet. */
export const madeForms = (value: Uint8Array): readonly Form[] | null => MADE.get(value) ?? null;

/** By any of the usual escapes. */
const isChanged = (text: string): boolean => !/^[\w.~-]*$/.test(text);

type Add = (form: string, text: string | Uint8Array) => void;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** None of bytes that are no text; the second without the blanks around it. */
function textsOf(bytes: Uint8Array): string[] {
  try {
    const text = UTF8.decode(bytes);
    const trimmed = text.trim();
    // What is left of a value that is mostly blanks may be a common word.
    return Buffer.byteLength(trimmed) < MIN_FORM ? [text] : [...new Set([text, trimmed])];
  } catch {
    return [];
  }
}

function addBase64(add: Add, form: string, bytes: Uint8Array): void {
  for (const base64 of ALIGNMENTS.map((offset) => base64At(bytes, offset))) {
    add(form, base64);
    add(`${form}url`, asUrl(base64));
  }
}

function addBytes(add: Add, bytes: Buffer): void {
  addBase64(add, "base64 in base64", Buffer.from(bytes.toString("base64")));
  for (const offset of [0, 1, 2, 3, 4]) {
    const base32 = base32At(bytes, offset);
    add("base32", base32);
    add("base32", base32.toLowerCase());
  }
  for (const separator of [":", " "]) {
    const separated = each(bytes, (hex) => `${separator}${hex}`).slice(1);
    add("hex", separated);
    add("hex", separated.toUpperCase());
  }
  add(
    "hex escapes",
    each(bytes, (hex) => `\\x${hex}`),
  );
  add(
    "hex escapes",
    each(bytes, (hex) => `\\x${hex.toUpperCase()}`),
  );
  addLists(add, bytes);
  add(
    "octal",
    each(bytes, (_, byte) => `\\${byte.toString(8).padStart(3, "0")}`),
  );
  add(
    "percent",
    each(bytes, (hex) => `%${hex}`),
  );
  add(
    "percent",
    each(bytes, (hex) => `%${hex.toUpperCase()}`),
  );
}

/** Bytes that were printed as numbers: a Buffer in JSON, a slice of Go's by %v and %#v, bytes of Python and Rust. */
function addLists(add: Add, bytes: Uint8Array): void {
  const decimal = Array.from(bytes, String);
  for (const separator of [",", ", ", " "]) add("list of bytes", decimal.join(separator));
  add("list of bytes", Array.from(bytes, (byte) => `0x${byte.toString(16)}`).join(", "));
}

function addWide(add: Add, text: string): void {
  const little = Buffer.from(text, "utf16le");
  add("utf-16", little);
  add("utf-16", swapped(little));
  // PowerShell's -EncodedCommand.
  addBase64(add, "utf-16 in base64", little);
}

/**
 * Of the value, and of the value as `echo` hands it on.
 * @param most - characters; longer forms are left out
 */
export function digestsOf(value: Uint8Array, most = Infinity): Form[] {
  // Loaded only for a bundle's values: every command has a redactor, a health check too, and this is a tenth of its start.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const forms: Form[] = [];
  for (const [form, length] of DIGESTS) {
    if (Math.ceil((length * 4) / 3) > most) break;
    for (const end of ["", "\n"]) {
      const digest = createHash(form).update(value).update(end).digest();
      const [hex, base64] = [digest.toString("hex"), digest.toString("base64").replace(/=+$/, "")];
      const texts = [...(hex.length > most ? [] : [hex, hex.toUpperCase()]), base64, asUrl(base64)];
      for (const text of texts) forms.push({ form, bytes: Buffer.from(text) });
    }
  }
  return forms;
}
