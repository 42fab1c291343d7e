/** `sidecrypt.secrets`: names and globs → names of the bundle → file names. */
import type { Names } from "./names.ts";

export interface Pattern {
  readonly text: string;
  /** What stands before, between and after the asterisks. */
  readonly parts: readonly string[];
  readonly exclude: boolean;
  /** It may match nothing. */
  readonly optional: boolean;
}

const WORD = /^(!?)([A-Za-z0-9_.*-]+)(\??)$/;

export const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== "");

/** A text is what is wrong. It repeats no word that is not a name: somebody may have pasted `NAME=value`. */
export function parsePatterns(label: string): readonly Pattern[] | string {
  const patterns: Pattern[] = [];
  for (const [index, word] of wordsOf(label).entries()) {
    const pattern = parsePattern(word);
    if (pattern === null) return `word ${index + 1} is not a name or a glob (letters, digits, _ . - and *)`;
    patterns.push(pattern);
  }
  return patterns.some((pattern) => !pattern.exclude) ? patterns : "it asks for nothing";
}

function parsePattern(word: string): Pattern | null {
  const [, bang, text, mark] = WORD.exec(word) ?? [];
  // What an exclusion excludes need not be there: `?` would say nothing.
  if (text === undefined || (bang === "!" && mark === "?")) return null;
  return { text, parts: text.split(/\*+/), exclude: bang === "!", optional: mark === "?" };
}

/** By hand, each part at its first place: a regular expression of many `.*` takes minutes for one long name. */
function fits({ parts: [start = "", ...rest] }: Pattern, name: string): boolean {
  const end = rest.pop();
  if (end === undefined) return name === start;
  if (!name.startsWith(start)) return false;
  let at = start.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.endsWith(end) && name.length - end.length >= at;
}

export interface Selection {
  /** In the bundle's order. */
  readonly names: readonly string[];
  /** Names and globs that had to match something and did not. */
  readonly missing: readonly string[];
}

/** A name that is there and excluded again is not missing: only what matches nothing at all is a slip. */
export function selectNames(patterns: readonly Pattern[], available: Names): Selection {
  const excluding = patterns.filter((pattern) => pattern.exclude);
  const asking = patterns.filter((pattern) => !pattern.exclude);
  const found = asking.map((pattern) => matchesOf(pattern, available));
  const missing = asking.filter(({ optional }, index) => !optional && found[index]?.length === 0);
  const names = available.inOrder(found.flat());
  return {
    names: names.filter((name) => !excluding.some((pattern) => fits(pattern, name))),
    missing: missing.map(({ text }) => text),
  };
}

function matchesOf(pattern: Pattern, available: Names): readonly string[] {
  const [start = ""] = pattern.parts;
  if (pattern.parts.length === 1) return available.has(start) ? [start] : [];
  return available.startingWith(start).filter((name) => fits(pattern, name));
}

/** An exclusion wins wherever it stands. */
export function selects(patterns: readonly Pattern[], name: string): boolean {
  const matching = patterns.filter((pattern) => fits(pattern, name));
  return matching.length > 0 && !matching.some((pattern) => pattern.exclude);
}

/** A name that lacks the prefix, or is nothing else, keeps its name. */
export function fileNameOf(name: string, stripPrefix: string): string {
  return name.startsWith(stripPrefix) && name.length > stripPrefix.length ? name.slice(stripPrefix.length) : name;
}

/** The names that a file may have come from; the likelier one first. */
export function sourcesOf(file: string, stripPrefix: string): string[] {
  return stripPrefix === "" ? [file] : [stripPrefix + file, file];
}

const MAX_FILE_NAME = 255;

/** `..data` and its like are the drop's own. */
export function isFileName(name: string): boolean {
  if (name === "" || name === "." || name.startsWith("..")) return false;
  return !/[/\0]/.test(name) && Buffer.byteLength(name) <= MAX_FILE_NAME;
}
