/** JSON, also with the comments and trailing commas that some readers allow. */
import { IN_COMMENT, IN_WORD, ofText, placesIn, type Format } from "./place.ts";

const TOKENS = /"(?:[^"\\\n]|\\[^\0])*"|\/\/[^\n]*|\/\*[^]*?\*\/|[^]/g;

/** What some reader takes for a line break or for not printable; JSON itself allows it. */
const DOUBTFUL = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** What stands between the quotes of a JSON string, which YAML and TOML read in double quotes too. */
export function jsonBody(text: string): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).slice(1, -1).replace(DOUBTFUL, escaped);
}

const STRING = ofText("in a string", jsonBody);
const BARE = ofText("as a string", (text) => `"${jsonBody(text)}"`);

export const json: Format = (texts) =>
  placesIn(texts, TOKENS, /^["']$/, ({ text, before, after }) => {
    if (text.startsWith('"')) return STRING;
    if (text.startsWith("/")) return IN_COMMENT;
    return /[\s:,[{]/.test(before) && /[\s:,\]}/]/.test(after) ? BARE : IN_WORD;
  });
