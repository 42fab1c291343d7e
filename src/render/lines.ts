/** Formats of lines `NAME = VALUE` whose readers differ: only what all of them read alike is written. */
import { jsonBody } from "./json.ts";
import { HOLE, IN_COMMENT, ofText, type Format, type Place } from "./place.ts";

/** How a value is written at each kind of place. */
interface Dialect {
  readonly comment: RegExp;
  readonly double: Place;
  readonly single: Place | string;
  /** The placeholder is the whole value, or a part of it. */
  readonly bare: Place;
  readonly part: Place;
}

function linesOf({ comment, double, single, bare, part }: Dialect): Format {
  const placeIn = (line: string): Place | string => {
    if (comment.test(line)) return IN_COMMENT;
    const [, name = HOLE, value = ""] = /^([^=]*)=\s*(.*?)\s*$/s.exec(line) ?? [];
    if (name.includes(HOLE)) return "it is not the value of a line NAME = VALUE";
    if (/^"(?:[^"\\]|\\[^\0])*"$/.test(value)) return double;
    if (/^'[^'\\]*'$/.test(value)) return single;
    if (/["'\\]/.test(value)) return "it stands beside a quote or a backslash that readers take in different ways";
    return value === HOLE ? bare : part;
  };
  return (texts) =>
    texts
      .join(HOLE)
      .split("\n")
      .flatMap((line) => Array.from({ length: line.split(HOLE).length - 1 }, () => placeIn(line)));
}

// ---------------------------------------------------------------- INI

/**
 * Of npm's ini, Python's configparser and PHP: a `;` or `#` may begin a comment, a `%` an interpolation, quotes may be
 * taken off, and blanks at the ends are.
 */
const plainIni = (text: string): string | null =>
  /[\x00-\x1f\x7f-\x9f\u2028\u2029;#%"'\\]/.test(text) || text.trim() !== text ? null : text;

const INI_BARE = ofText("in INI without quotes", plainIni);

export const ini: Format = linesOf({
  comment: /^\s*[;#]/,
  double: ofText("in double quotes", jsonBody),
  single: "readers of INI take single quotes in different ways: use double quotes or none",
  bare: INI_BARE,
  part: INI_BARE,
});

// ---------------------------------------------------------------- dotenv

const SAFE = /^[A-Za-z0-9_.,:/@%+=-]*$/;

/**
 * As a POSIX shell, Compose, Node, dotenv and python-dotenv read it alike. Python's reader takes `\\` and `\'` in single
 * quotes for escapes, and `${NAME}` there for a variable; Node's makes every CR a line feed.
 */
const inSingle = (text: string): string | null => (/['\r\0]|\\\\|\\$|\$\{/.test(text) ? null : text);
const inDouble = (text: string): string | null => (/["$`\\\r\0]/.test(text) ? null : text);

/** Null: no way of writing it is read alike by all. */
export function dotenvValue(text: string): string | null {
  if (SAFE.test(text)) return text;
  const single = inSingle(text);
  if (single !== null) return `'${single}'`;
  const double = inDouble(text);
  return double === null ? null : `"${double}"`;
}

export const dotenv: Format = linesOf({
  comment: /^\s*#/,
  double: ofText("in double quotes", inDouble),
  single: ofText("in single quotes", inSingle),
  bare: ofText("in dotenv so that every reader reads the same", dotenvValue),
  part: ofText("in dotenv without quotes", (text) => (SAFE.test(text) ? text : null)),
});
