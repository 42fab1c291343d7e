/** The text of a template → its placeholders and what stands between them. */
import { SidecryptError } from "../errors.ts";
import { textOf } from "./place.ts";

/** A file beside the bundle, as it was read. */
export interface TemplateFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Placeholder {
  readonly name: string;
  /** The format that it asks for; null: that of the file. */
  readonly filter: string | null;
  readonly line: number;
}

export interface Template {
  readonly name: string;
  /** One more than placeholders: they stand between. */
  readonly texts: readonly string[];
  readonly placeholders: readonly Placeholder[];
}

const OPEN = "{{";
/** Stands for the two braces themselves. */
const LITERAL = "{{{{";
const PLACEHOLDER = /\{\{[ \t]*([A-Za-z0-9_.-]+)[ \t]*(?:\|[ \t]*([a-z]+)[ \t]*)?\}\}/y;

/** @throws SidecryptError `render-failed`, with the line */
export function parseTemplate({ name, bytes }: TemplateFile): Template {
  const source = textOf(bytes);
  if (source === null || source.includes("\0")) {
    throw new SidecryptError("render-failed", `template ${name} is not a text in UTF-8`, "save it as UTF-8");
  }
  const texts: string[] = [];
  const placeholders: Placeholder[] = [];
  let text = "";
  let from = 0;
  for (let at = source.indexOf(OPEN); at >= 0; at = source.indexOf(OPEN, from)) {
    text += source.slice(from, at);
    if (source.startsWith(LITERAL, at)) {
      text += OPEN;
      from = at + LITERAL.length;
      continue;
    }
    const line = source.slice(0, at).split("\n").length;
    const placeholder = placeholderAt(source, at);
    if (typeof placeholder === "string") throw templateFault(name, line, placeholder, HINT);
    texts.push(text);
    placeholders.push({ name: placeholder.name, filter: placeholder.filter, line });
    text = "";
    from = placeholder.end;
  }
  return { name, texts: [...texts, text + source.slice(from)], placeholders };
}

const HINT = `a placeholder is {{ NAME }} or {{ NAME | FORMAT }}; ${LITERAL} stands for the two braces themselves`;

function placeholderAt(source: string, at: number) {
  PLACEHOLDER.lastIndex = at;
  const [all, name, filter] = PLACEHOLDER.exec(source) ?? [];
  if (all !== undefined && name !== undefined) return { name, filter: filter ?? null, end: at + all.length };
  const rest = source.slice(at).split("\n")[0] ?? "";
  return rest.includes("}}") ? "what stands in {{ }} is not a placeholder" : "a placeholder is not closed on its line";
}

/** What is wrong with a line; `message` never holds a value. */
export function templateFault(name: string, line: number, message: string, hint?: string): SidecryptError {
  return new SidecryptError("render-failed", `template ${name}, line ${line}: ${message}`, hint);
}
