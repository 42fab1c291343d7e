/**
 * The last filter on everything that leaves: replaces each known value, in every form that a search knows
 * (search/forms.ts), by a mark. A safety net under the rule that no message holds a value, never a reason to relax it.
 *
 * The values stand in this process's memory until it ends; SECURITY.md says so.
 */
import { digestsOf, formsOf, madeForms, MAX_VALUE, MIN_FORM } from "../search/forms.ts";
import { isCommon } from "../search/grade.ts";
import { Matcher } from "../search/matcher.ts";
import { mayHold, type Runs, runsOf } from "./runs.ts";

export interface Redactor {
  /** The values of a bundle just opened. Earlier ones stay known: an old key may be live until it is revoked. */
  remember(values: Iterable<Uint8Array>): void;
  redact(text: string): string;
}

export const MARK = "[redacted]";

/**
 * Shorter values occur in any text by chance (tmpfs-and-leaks.md §1.4), and a log full of marks helps nobody; nor does
 * one, or a report that no machine can read, in which every "warning" is marked since some LOG_LEVEL is that.
 */
export const MIN_BYTES = MIN_FORM;
/** Values of earlier bundles beyond this many are forgotten, oldest first; those of the present bundle never are. */
export const MAX_VALUES = 1000;
/** So many have all forms; the others of a large bundle those that nearly everything makes. */
const ALL_FORMS = 100;
/** Of a value longer than this only the head is kept, and what follows a match of it is taken to be the rest. */
const LONG_BYTES = 4096;
/** A multiple of 3, so that its base64 is that of the whole value's beginning. */
const HEAD_BYTES = 240;
/** Of more values, or for more texts, the table of all is made. */
const FEW = 16;
const FEW_TEXTS = 4;
/** Lines are short: a wide window would cost more to prepare than it saves. */
const WINDOW = 8;

/** The identity itself, known or not. */
const IDENTITY = /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+/gi;

interface Known {
  readonly bytes: Uint8Array;
  /** As it came: somebody may have made its forms already. Null: of a longer one a search knows less than is needed here. */
  readonly value: Uint8Array | null;
  /** The bytes are those of a head: everything after a form of it goes too. */
  readonly long: boolean;
  /** Kept for the next table that it is in. */
  made: Patterns | null;
}

interface Patterns {
  readonly usual: boolean;
  readonly all: readonly Uint8Array[];
}

interface Compiled {
  readonly matcher: Matcher;
  readonly lengths: readonly number[];
  /** By pattern. */
  readonly long: readonly boolean[];
}

export function createRedactor(maxValues = MAX_VALUES): Redactor {
  /** By the value's base64, an exact key whatever the bytes; the order of insertion is the order of age. */
  const known = new Map<string, Known>();
  /** Of all that were known when it was made, which is not at the first text: most commands say little. */
  let table: Compiled | null = null;
  /** That were printed without it. */
  let texts = 0;
  /** Those that came since, apart: a bundle that changed changed few, and the table of all would delay what it is for. */
  let newer: Known[] = [];
  let newerTable: Compiled | null = null;

  function remember(values: Iterable<Uint8Array>): void {
    const [present, fresh] = [new Set<string>(), [] as Known[]];
    for (const value of values) {
      if (value.length < MIN_BYTES || isCommon(value)) continue;
      const long = value.length > LONG_BYTES;
      const bytes = Buffer.from(long ? headOf(value) : value);
      const key = `${bytes.toString("base64")}${long ? "…" : ""}`;
      const old = known.get(key);
      const entry = old ?? { bytes, value: value.length > MAX_VALUE ? null : value, long, made: null };
      if (old === undefined) fresh.push(entry);
      known.delete(key);
      known.set(key, entry);
      present.add(key);
    }
    const surplus = known.size - Math.max(maxValues, present.size);
    for (const key of [...known.keys()].slice(0, Math.max(0, surplus))) known.delete(key);
    if (surplus > 0 || newer.length + fresh.length > FEW) renew();
    else if (fresh.length > 0) add(fresh);
  }

  function renew(): void {
    [table, texts, newer, newerTable] = [null, 0, [], null];
  }

  function add(fresh: readonly Known[]): void {
    texts = 0;
    if (table === null) return;
    newer.push(...fresh);
    newerTable = null;
  }

  function tablesFor(text: string): Compiled[] {
    if (table !== null) return newer.length === 0 ? [table] : [table, (newerTable ??= compile(newer))];
    const [values, runs] = [[...known.values()].toReversed(), runsOf(text)];
    const suspects = values.filter(({ bytes }) => mayHold(runs, bytes));
    if (suspects.length <= FEW && texts++ < FEW_TEXTS) return [compileFew(values, suspects, runs)];
    return [(table = compile(values))];
  }

  function redact(text: string): string {
    const data = Buffer.from(text);
    const spans: Span[] = [];
    for (const { matcher, lengths, long } of tablesFor(text)) {
      matcher.find(data, (pattern, at) => {
        spans.push([at, long[pattern] === true ? data.length : at + (lengths[pattern] ?? 0)]);
      });
    }
    // Latin1, so that places count in bytes.
    for (const { index, 0: identity } of data.toString("latin1").matchAll(IDENTITY)) {
      spans.push([index, index + identity.length]);
    }
    return spans.length === 0 ? text : cover(data, spans);
  }

  return { remember, redact };
}

interface Pattern {
  readonly bytes: Uint8Array;
  readonly long: boolean;
}

/** @param values - the newest first */
function compile(values: readonly Known[]): Compiled {
  return toCompiled(values.flatMap((value, index) => keptPatterns(value, index >= ALL_FORMS)));
}

/** What the suspects become in any form, and all as digests of which the text has room for one. */
function compileFew(values: readonly Known[], suspects: readonly Known[], { token }: Runs): Compiled {
  const digested = token === 0 ? [] : values.slice(0, ALL_FORMS).filter((one) => !one.long && !suspects.includes(one));
  return toCompiled([
    ...suspects.flatMap((value) => keptPatterns(value, values.indexOf(value) >= ALL_FORMS)),
    ...digested.flatMap(({ bytes }) => digestsOf(bytes, token).map((form) => ({ bytes: form.bytes, long: false }))),
  ]);
}

function keptPatterns(value: Known, usual: boolean): Pattern[] {
  if (value.made?.usual !== usual) value.made = { usual, all: patternsOf(value, usual) };
  return value.made.all.map((bytes) => ({ bytes, long: value.long }));
}

function toCompiled(patterns: readonly Pattern[]): Compiled {
  return {
    matcher: new Matcher(
      patterns.map(({ bytes }) => bytes),
      WINDOW,
    ),
    lengths: patterns.map(({ bytes }) => bytes.length),
    long: patterns.map(({ long }) => long),
  };
}

function patternsOf({ bytes, value, long }: Known, usual: boolean): Uint8Array[] {
  const made = usual || value === null ? null : madeForms(value);
  const forms = made ?? formsOf(bytes, { usual, digests: !long, most: LONG_BYTES });
  return [...forms.map((form) => form.bytes), ...wholeBase64(bytes)];
}

/** With the last character, which a form leaves out where it depends on what follows: it holds bits of the value. */
function wholeBase64(bytes: Uint8Array): Uint8Array[] {
  // Of whole groups the form is the whole already.
  if (bytes.length % 3 === 0) return [];
  const texts = (["base64", "base64url"] as const).map((name) => Buffer.from(bytes).toString(name).replace(/=+$/, ""));
  return [...new Set(texts)].map((text) => Buffer.from(text));
}

/** Cut between characters, else a text would have no text forms: a multiple of 3 that no UTF-8 sequence spans. */
function headOf(value: Uint8Array): Uint8Array {
  let end = HEAD_BYTES;
  while (end > MIN_BYTES && ((value[end] ?? 0) & 0xc0) === 0x80) end -= 3;
  return value.subarray(0, end);
}

/** Bytes. */
type Span = readonly [start: number, end: number];

/** Spans are found before any is replaced: of two values that overlap no end may be left standing. */
function cover(data: Buffer, spans: Span[]): string {
  spans.sort((a, b) => a[0] - b[0]);
  let covered = "";
  let done = 0;
  for (const [start, end] of spans) {
    if (start >= done) covered += data.toString("utf8", done, start) + MARK;
    done = Math.max(done, end);
  }
  return covered + data.toString("utf8", done);
}
