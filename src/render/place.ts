/**
 * Where in a file a placeholder stands, and how a value is written there. A format looks at the template's own text
 * alone: no value can change how another one is read.
 */

export interface Place {
  /** For messages: "in double quotes". */
  readonly where: string;
  /** The value as it stands there; null: it cannot. */
  readonly write: (value: Uint8Array) => Uint8Array | null;
}

/** The texts around the placeholders → one place for each; a text is why no value may stand there. */
export type Format = (texts: readonly string[]) => readonly (Place | string)[];

/** A placeholder in a text that is cut into tokens: no template holds a NUL (template.ts). */
export const HOLE = "\0";

export const IN_COMMENT = "it stands in a comment";
export const IN_WORD = "it is part of a word: put the whole value in double quotes";
const UNCLEAR = "it stands behind a quote that is not closed, so that nobody can tell whether it is quoted";

/** A value that is no text cannot be written. */
export function ofText(where: string, write: (text: string) => string | null): Place {
  return {
    where,
    write: (value) => {
      const text = textOf(value);
      const written = text === null ? null : write(text);
      return written === null ? null : Buffer.from(written);
    },
  };
}

/** `write` gets one character for each byte. */
export function ofBytes(where: string, write: (bytes: string) => string | null): Place {
  return {
    where,
    write: (value) => {
      const written = write(Buffer.from(value).toString("latin1"));
      return written === null ? null : Buffer.from(written, "latin1");
    },
  };
}

/** Null: not UTF-8. */
export function textOf(value: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return null;
  }
}

/** A token with placeholders in it, and the characters beside it; a line feed at either end of the file. */
export interface Token {
  readonly text: string;
  readonly before: string;
  readonly after: string;
}

/**
 * The places of a format whose tokens a regular expression finds: strings and comments first, then any character.
 * @param unclear a token that this matches leaves all behind it in doubt, such as a quote that opens no string
 */
export function placesIn(
  texts: readonly string[],
  tokens: RegExp,
  unclear: RegExp,
  placeOf: (token: Token) => Place | string,
): (Place | string)[] {
  const whole = texts.join(HOLE);
  const places: (Place | string)[] = [];
  let isUnclear = false;
  for (const { 0: text, index } of whole.matchAll(tokens)) {
    isUnclear ||= unclear.test(text);
    const holes = text.split(HOLE).length - 1;
    if (holes === 0) continue;
    const around = { text, before: whole[index - 1] ?? "\n", after: whole[index + text.length] ?? "\n" };
    const place = isUnclear ? UNCLEAR : placeOf(around);
    for (let hole = 0; hole < holes; hole++) places.push(place);
  }
  return places;
}
