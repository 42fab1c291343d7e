/** A file that a POSIX shell reads with `.`. */
import { IN_COMMENT, ofBytes, placesIn, type Format } from "./place.ts";

/** Substitutions in double quotes have quotes of their own: such a string is no token, and leaves all behind it unclear. */
const TOKENS = /\\[^\0]|'[^']*'|"(?:[^"\\`$]|\\[^\0]|\$(?![({\0]))*"|(?<![^\s;|&()])#[^\n]*|<<|\$['\0]|[^]/g;
const UNCLEAR = /^(?:["'`\\]|<<|\$['\0])$/;

const quoted = (bytes: string): string | null => (bytes.includes("\0") ? null : bytes.replaceAll("'", "'\\''"));

const SINGLE = ofBytes("in single quotes", quoted);
const DOUBLE = ofBytes("in double quotes", (bytes) =>
  bytes.includes("\0") ? null : bytes.replace(/["$`\\]/g, "\\$&"),
);
const BARE = ofBytes("as a word", (bytes) => {
  const body = quoted(bytes);
  return body === null ? null : `'${body}'`;
});

export const shell: Format = (texts) =>
  placesIn(texts, TOKENS, UNCLEAR, ({ text }) => {
    if (text.startsWith("'")) return SINGLE;
    if (text.startsWith('"')) return DOUBLE;
    return text.startsWith("#") ? IN_COMMENT : BARE;
  });
