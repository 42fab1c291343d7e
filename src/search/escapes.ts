/** What text becomes when something quotes it: one function for each way of quoting. */

const hex = (character: string, digits: number): string => codeOf(character).toString(16).padStart(digits, "0");
const codeOf = (character: string): number => character.codePointAt(0) ?? 0;
/** UTF-16 units: one escape each, as JSON has them. */
const units = (text: string, escape: (unit: string) => string): string => text.split("").map(escape).join("");

export const json = (text: string): string => JSON.stringify(text).slice(1, -1);
/** As Go's encoder, the engine's own, writes it. */
const goJson = (text: string): string => json(text).replace(/[<>&\u2028\u2029]/g, (one) => `\\u${hex(one, 4)}`);
const asciiJson = (text: string): string => json(text).replace(/[\u007f-\uffff]/g, (one) => `\\u${hex(one, 4)}`);

const percent = (text: string): string => encodeURIComponent(text);
const strictPercent = (text: string): string =>
  percent(text).replace(/[!'()*]/g, (one) => `%${hex(one, 2).toUpperCase()}`);
const lowerPercent = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
const form = (text: string): string =>
  strictPercent(text).replaceAll("%20", "+").replaceAll("%2A", "*").replaceAll("~", "%7E");

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const html = (text: string, other: Readonly<Record<string, string>> = {}): string =>
  text.replace(/[&<>"']/g, (one) => other[one] ?? HTML[one] ?? one);

const ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
};

/** Go's %q and C: the short escapes, and `other` for what has none. */
function quoted(text: string, quotes: RegExp, other: (character: string) => string): string {
  return Array.from(text.replace(quotes, "\\$&"))
    .map((one) => ESCAPES[one] ?? (codeOf(one) < 0x20 || codeOf(one) >= 0x7f ? other(one) : one))
    .join("");
}
const goQuoted = (text: string, ascii: boolean): string =>
  quoted(text, /[\\"]/g, (one) => {
    if (codeOf(one) < 0x80) return `\\x${hex(one, 2)}`;
    if (!ascii) return one;
    return codeOf(one) > 0xffff ? `\\U${hex(one, 8)}` : `\\u${hex(one, 4)}`;
  });
/** Python has no short escapes but these three. */
function python(text: string, quote: string): string {
  const short: Readonly<Record<string, string>> = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\\": "\\\\",
    [quote]: `\\${quote}`,
  };
  return text.replace(
    /[\u0000-\u001f\u007f\\'"]/g,
    (one) => short[one] ?? (codeOf(one) < 0x20 ? `\\x${hex(one, 2)}` : one),
  );
}

const bytesOf = (character: string, escape: (byte: number) => string): string =>
  [...Buffer.from(character)].map(escape).join("");
const octal = (byte: number): string => `\\${byte.toString(8).padStart(3, "0")}`;
const hexByte = (byte: number): string => `\\x${byte.toString(16).padStart(2, "0")}`;
const printable = (text: string, others: RegExp): string =>
  text.replace(others, (one) => bytesOf(one, (byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`));

/** The forms that nearly everything makes: these first, since the redactor of a large bundle knows no others. */
export function usualEscapes(text: string): [form: string, text: string][] {
  const escaped = percent(text);
  const urls: [string, string][] = [escaped, lowerPercent(escaped), escaped.replaceAll("%20", "+")].map((one) => [
    "percent",
    one,
  ]);
  // Most values have nothing that JSON would escape, and a bundle may have thousands.
  if (!/[^ !#-%'-;=?-[\]-~]/.test(text)) return urls;
  return [["json", json(text)], ["json in json", json(json(text))], ["json of go", goJson(text)], ...urls];
}

export function otherEscapes(text: string): [form: string, text: string][] {
  // What nothing has to quote, and most keys are of it.
  return /^[\w.-]*$/.test(text) ? ofEach(text) : [...ofEach(text), ...ofSome(text)];
}

/** Every character is escaped. */
function ofEach(text: string): [form: string, text: string][] {
  const characters = Array.from(text);
  return [
    ["unicode escapes", units(text, (one) => `\\u${hex(one, 4)}`)],
    ["unicode escapes", units(text, (one) => `\\u${hex(one, 4).toUpperCase()}`)],
    ["html", characters.map((one) => `&#${codeOf(one)};`).join("")],
    ["html", characters.map((one) => `&#x${hex(one, 2)};`).join("")],
  ];
}

/** Only what the reader would take for something else. */
function ofSome(text: string): [form: string, text: string][] {
  return [
    ["json of go in json", json(goJson(text))],
    ["json in ascii", asciiJson(text)],
    ["json with slashes", json(text).replaceAll("/", "\\/")],
    ["json in json in json", json(json(json(text)))],
    ["percent", strictPercent(text)],
    ["percent", form(text)],
    ["percent", lowerPercent(form(text))],
    ["percent in percent", percent(percent(text))],
    ["html", html(text)],
    ["html", html(text, { "'": "'" })],
    ["html", html(text, { "'": "&#x27;" })],
    ["html", html(text, { "'": "&apos;" })],
    ["html", html(text, { '"': "&#34;" })],
    ["html", html(text, { '"': '"', "'": "'" })],
    ["shell", text.replaceAll("'", "'\\''")],
    ["shell", text.replaceAll("'", `'"'"'`)],
    ["shell", text.replace(/[\\"$`]/g, "\\$&")],
    ["shell", text.replace(/[^\w@%+=:,./-]/g, "\\$&")],
    ["shell", quoted(text, /[\\']/g, (one) => bytesOf(one, octal))],
    ["compose", text.replaceAll("$", "$$$$")],
    ["doubled quotes", text.replaceAll("'", "''")],
    ["doubled quotes", text.replaceAll('"', '""')],
    ["yaml", quoted(text, /[\\"]/g, (one) => (codeOf(one) < 0x100 ? `\\x${hex(one, 2)}` : `\\u${hex(one, 4)}`))],
    ["go", goQuoted(text, false)],
    ["go", goQuoted(text, true)],
    ["python", python(text, "'")],
    ["python", python(text, '"')],
    ["octal", quoted(text, /[\\"]/g, (one) => bytesOf(one, octal))],
    ["octal", text.replace(/[\s\\]/g, (one) => bytesOf(one, octal))],
    ["hex escapes", quoted(text, /[\\"']/g, (one) => bytesOf(one, hexByte))],
    ["hex escapes", text.replace(/[^\w:.-]/gu, (one) => bytesOf(one, hexByte))],
    ["quoted-printable", printable(text, /[^\t -<>-~]/gu)],
    ["quoted-printable", printable(text, /[^\t\n -<>-~]/gu)],
  ];
}
