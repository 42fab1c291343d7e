/**
 * The last filter on everything that leaves: replaces each known value, in the forms that text carries it in, by a
 * mark. A safety net under the rule that no message holds a value, never a reason to relax it.
 *
 * The values stand in this process's memory as strings until it ends; SECURITY.md says so.
 */

export interface Redactor {
  /** The values of a bundle just opened. Earlier ones stay known: an old key may be live until it is revoked. */
  remember(values: Iterable<Uint8Array>): void;
  redact(text: string): string;
}

export const MARK = "[redacted]";

/** Shorter values occur in any text by chance (tmpfs-and-leaks.md §1.4), and a log full of marks helps nobody. */
export const MIN_BYTES = 6;
/** Values of earlier bundles beyond this many are forgotten, oldest first; those of the present bundle never are. */
export const MAX_VALUES = 1000;
/** Of a value longer than this only the head is kept, and what follows a match of it is taken to be the rest. */
const LONG_BYTES = 4096;
/** A multiple of 3, so that its base64 is that of the whole value's beginning. */
const HEAD_BYTES = 240;

/** The identity itself, known or not. */
const IDENTITY = /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+/gi;

interface Known {
  readonly forms: readonly string[];
  /** The forms are those of a head: everything after one goes too. */
  readonly long: boolean;
}

export function createRedactor(maxValues = MAX_VALUES): Redactor {
  /** By the value's base64, an exact key whatever the bytes; the order of insertion is the order of age. */
  const known = new Map<string, Known>();

  function remember(values: Iterable<Uint8Array>): void {
    const present = new Set<string>();
    for (const value of values) {
      if (value.length < MIN_BYTES) continue;
      const long = value.length > LONG_BYTES;
      const kept = Buffer.from(long ? headOf(value) : value);
      const key = `${kept.toString("base64")}${long ? "…" : ""}`;
      const entry = known.get(key) ?? { forms: forms(kept), long };
      known.delete(key);
      known.set(key, entry);
      present.add(key);
    }
    const surplus = known.size - Math.max(maxValues, present.size);
    for (const key of [...known.keys()].slice(0, Math.max(0, surplus))) known.delete(key);
  }

  function redact(text: string): string {
    const spans: Span[] = [];
    for (const { forms, long } of known.values()) {
      for (const form of forms) findAll(text, form, long, spans);
    }
    for (const match of text.matchAll(IDENTITY)) spans.push([match.index, match.index + match[0].length]);
    return spans.length === 0 ? text : cover(text, spans);
  }

  return { remember, redact };
}

/** Cut between characters, else a text would have no text forms: a multiple of 3 that no UTF-8 sequence spans. */
function headOf(value: Uint8Array): Uint8Array {
  let end = HEAD_BYTES;
  while (end > MIN_BYTES && ((value[end] ?? 0) & 0xc0) === 0x80) end -= 3;
  return value.subarray(0, end);
}

type Span = readonly [start: number, end: number];

function findAll(text: string, form: string, toEnd: boolean, spans: Span[]): void {
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    spans.push([at, toEnd ? text.length : at + form.length]);
    if (toEnd) return;
  }
}

/** Spans are found before any is replaced: of two values that overlap no end may be left standing. */
function cover(text: string, spans: Span[]): string {
  spans.sort((a, b) => a[0] - b[0]);
  let covered = "";
  let done = 0;
  for (const [start, end] of spans) {
    if (start >= done) covered += text.slice(done, start) + MARK;
    done = Math.max(done, end);
  }
  return covered + text.slice(done);
}

/** The texts that a value becomes on its way into a message, a URL, a header or JSON. */
function forms(bytes: Buffer): readonly string[] {
  const base64 = bytes.toString("base64");
  const hex = bytes.toString("hex");
  // Without its padding, a form is found with and without it.
  const all = [base64.replace(/=+$/, ""), bytes.toString("base64url"), hex, hex.toUpperCase(), ...textForms(bytes)];
  return [...new Set(all)];
}

function textForms(bytes: Uint8Array): readonly string[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not text: no message can hold it raw.
    return [];
  }
  const trimmed = text.trim();
  // Messages are trimmed on their way; what is left of a value that is mostly blanks may be a common word.
  const texts = Buffer.byteLength(trimmed) < MIN_BYTES ? [text] : [text, trimmed];
  return texts.flatMap(escapes);
}

function escapes(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const percent = encodeURIComponent(text);
  return [
    text,
    json,
    // JSON in JSON: an engine's reply quoted in a log line.
    JSON.stringify(json).slice(1, -1),
    // As Go's encoder, the engine's own, writes it.
    json.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    percent.replaceAll("%20", "+"),
  ];
}
