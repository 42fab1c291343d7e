/** redis.conf: what sdssplitargs of Redis reads back; every byte can be written in double quotes. */
import { IN_COMMENT, ofBytes, placesIn, type Format } from "./place.ts";

const TOKENS = /^[ \t]*#[^\n]*|"(?:[^"\\\n]|\\[^\0\n])*"|'(?:\\'|\\(?!\0)|[^'\\\n])*'|[^]/gm;

const body = (bytes: string): string =>
  bytes
    .replace(/["\\]/g, "\\$&")
    .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);

const DOUBLE = ofBytes("in double quotes", body);
// A backslash at the end would take the closing quote with it.
const SINGLE = ofBytes("in single quotes", (bytes) =>
  /[\n\r\0]|\\$/.test(bytes) ? null : bytes.replaceAll("'", "\\'"),
);
const BARE = ofBytes("as an argument", (bytes) => `"${body(bytes)}"`);

export const redis: Format = (texts) =>
  placesIn(texts, TOKENS, /^["']$/, ({ text, before, after }) => {
    if (text.startsWith('"')) return DOUBLE;
    if (text.startsWith("'")) return SINGLE;
    if (text !== "\0") return IN_COMMENT;
    // A quote may open in the middle of a word, `>"…"` in an ACL; behind one that closes, Redis wants a blank.
    const fits = /\s/.test(after) && !/["']/.test(before);
    return fits ? BARE : "more of the same word stands beside it: put the whole word in double quotes";
  });
