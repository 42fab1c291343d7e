/** TOML 1.0. */
import { jsonBody } from "./json.ts";
import { IN_COMMENT, IN_WORD, ofText, placesIn, type Format } from "./place.ts";

const TOKENS = /"""(?:[^\\]|\\[^\0])*?"""|'''[^]*?'''|"(?:[^"\\\n]|\\[^\0\n])*"|'[^'\n]*'|#[^\n]*|[^]/g;

const BASIC = ofText("in double quotes", jsonBody);
const LITERAL = ofText("in single quotes", (text) => (/['\x00-\x08\x0a-\x1f\x7f]/.test(text) ? null : text));
const BARE = ofText("as a string", (text) => `"${jsonBody(text)}"`);

export const toml: Format = (texts) =>
  placesIn(texts, TOKENS, /^["']$/, ({ text, before, after }) => {
    if (text.startsWith('"')) return BASIC;
    if (text.startsWith("'")) return LITERAL;
    if (text.startsWith("#")) return IN_COMMENT;
    return /[\s=,[{]/.test(before) && /[\s=,\]}#]/.test(after) ? BARE : IN_WORD;
  });
