/** YAML, 1.1 and 1.2. What is quoted, and what is a scalar at all, the library's lexer says. */
import { CST, Lexer } from "yaml";
import { jsonBody } from "./json.ts";
import { IN_COMMENT, IN_WORD, ofText, type Format, type Place } from "./place.ts";

/** For private use: printable, so a scalar as good as any letter. */
const HOLE = "\ue000";
const NO_SCALAR = "no scalar can stand there: put it in double quotes";

/** Nothing in it needs an escape, which single quotes do not have. */
function isPlain(text: string): boolean {
  const rest = text.replace(/["\\]/g, "");
  return jsonBody(rest) === rest;
}

const DOUBLE = ofText("in double quotes", jsonBody);
const SINGLE = ofText("in single quotes", (text) => (isPlain(text) ? text.replaceAll("'", "''") : null));
const BARE = ofText("as a string", (text) => `"${jsonBody(text)}"`);

export const yaml: Format = (texts) => {
  const holes = holesIn(texts);
  const places: (Place | string)[] = [];
  let [offset, isPlain, isBlock] = [0, false, false];
  for (const token of new Lexer().lex(texts.join(HOLE))) {
    const type = CST.tokenType(token);
    // The lexer's own marks, which are not in the text.
    if (type === "doc-mode" || type === "flow-error-end" || type === "scalar") {
      isPlain = type === "scalar";
      continue;
    }
    const inside = holes.filter((hole) => hole >= offset && hole < offset + token.length).map((hole) => hole - offset);
    const kind = isPlain ? (isBlock ? "block-scalar" : "plain") : type;
    for (const hole of inside) places.push(placeIn(token, hole, kind));
    isBlock = type === "block-scalar-header" || (isBlock && !isPlain);
    isPlain = false;
    offset += token.length;
  }
  return places;
};

function placeIn(token: string, hole: number, kind: string | null): Place | string {
  if (kind === "double-quoted-scalar") {
    return /(?<!\\)(?:\\\\)*\\$/.test(token.slice(0, hole)) ? "it stands behind a backslash" : DOUBLE;
  }
  if (kind === "single-quoted-scalar") return SINGLE;
  if (kind === "comment") return IN_COMMENT;
  if (kind === "plain") return token === HOLE ? BARE : IN_WORD;
  return NO_SCALAR;
}

/** Offsets of the placeholders: the text between may hold the character too. */
function holesIn(texts: readonly string[]): number[] {
  let offset = 0;
  return texts.slice(0, -1).map((text) => {
    offset += text.length + HOLE.length;
    return offset - HOLE.length;
  });
}
