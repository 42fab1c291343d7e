/** Looks for values in a text, as they are and as base64 and hex, wherever in an encoded text they begin. */

/** A value's name and where it was found. */
export interface Found {
  readonly name: string;
  readonly form: string;
}

export function search(text: string, values: ReadonlyMap<string, readonly string[]>): readonly Found[] {
  return [...values].flatMap(([name, all]) =>
    all.flatMap((value) =>
      [...forms(value)].filter(([, needle]) => text.includes(needle)).map(([form]) => ({ name, form })),
    ),
  );
}

function forms(value: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(value);
  return new Map([
    ["plain", value],
    ["hex", bytes.toString("hex")],
    ...[0, 1, 2].map((offset): [string, string] => [`base64, ${offset} bytes in`, base64At(bytes, offset)]),
  ]);
}

export const FORMS = forms("").size;

/** The characters that are the same whatever stands before and after. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  const end = (offset + bytes.length) % 3 === 0 ? text.length : text.length - 1;
  return text.slice(Math.ceil((offset * 8) / 6), end);
}
