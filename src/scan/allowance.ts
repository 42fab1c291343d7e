/**
 * What somebody has looked at and lets stand, each with a reason: `.sidecryptignore` for files, and a comment
 * `sidecrypt:allow REASON` on the line itself. Without a reason neither counts. Pure.
 */
import ignore from "ignore";
import { SidecryptError } from "../errors.ts";

export const IGNORE_FILE = ".sidecryptignore";

/** The reason why a file is not looked at; null: it is. `path` is relative to the ignore file, with `/` between. */
export type Ignored = (path: string) => string | null;

interface Rule {
  readonly reason: string;
  readonly matcher: ReturnType<typeof ignore>;
}

/**
 * Patterns as in a .gitignore; the comment above them is their reason, up to an empty line.
 * @throws SidecryptError `config-invalid` with the line of a pattern that has none, or that excludes (`!`)
 */
export function parseIgnoreFile(text: string, path: string): Ignored {
  const rules: Rule[] = [];
  let reason = "";
  let isComment = false;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "") reason = "";
    else if (line.startsWith("#")) {
      const more = line.slice(1).trim();
      reason = isComment && reason !== "" ? `${reason} ${more}` : more;
    } else rules.push(ruleOf(line, reason, `${path}, line ${index + 1}`));
    isComment = line.startsWith("#");
  }
  return (file) => rules.find(({ matcher }) => matcher.ignores(file))?.reason ?? null;
}

function ruleOf(pattern: string, reason: string, where: string): Rule {
  if (reason === "") {
    throw new SidecryptError(
      "config-invalid",
      `${where}: a pattern without a reason`,
      "put a comment above it that says why: # made-up keys of the tests",
    );
  }
  if (pattern.startsWith("!")) {
    throw new SidecryptError("config-invalid", `${where}: ! is not supported`, "name what is to be left out, only");
  }
  return { reason, matcher: ignore().add(pattern) };
}

const INLINE = /sidecrypt:allow\b[ \t:]*(.*)$/;
/** What ends the comment of a language, not the reason. */
const COMMENT_END = /\s*(?:\*\/|-->|\*\)|#\}|"\s*,?|'\s*,?)\s*$/;

/** The reason that stands on a line of text; null: none does. */
export function inlineReason(line: string): string | null {
  const reason = INLINE.exec(line)?.[1]?.replace(COMMENT_END, "").trim() ?? "";
  return reason === "" ? null : reason;
}
