/** A line of redis.conf as Redis reads it: `sdssplitargs` of its src/sds.c, one character for each byte. */

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" };

/** Null: unbalanced quotes, or something behind a quote that closes. */
export function splitArguments(line: string): string[] | null {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(line[at] ?? "x")) at++;
    if (at >= line.length) return words;
    const word = wordAt(line, at);
    if (word === null) return null;
    words.push(word.text);
    at = word.end;
  }
}

function wordAt(line: string, from: number): { readonly text: string; readonly end: number } | null {
  let text = "";
  let at = from;
  while (at < line.length && !/\s/.test(line[at] ?? "")) {
    const quote = line[at] ?? "";
    if (quote !== '"' && quote !== "'") {
      text += quote;
      at++;
      continue;
    }
    const string = stringAt(line, at + 1, quote);
    if (string === null || /\S/.test(line[string.end] ?? " ")) return null;
    text += string.text;
    at = string.end;
  }
  return { text, end: at };
}

function stringAt(line: string, from: number, quote: string) {
  const escape = quote === '"' ? /^\\(?:x([0-9a-fA-F]{2})|([^]))/ : /^\\(')/;
  let text = "";
  for (let at = from; at < line.length; at++) {
    if (line[at] === quote) return { text, end: at + 1 };
    const [all, hex = "", character = ""] = escape.exec(line.slice(at)) ?? [];
    if (all === undefined) text += line[at] ?? "";
    else if (quote === "'") text += "'";
    else text += hex === "" ? (ESCAPES[character] ?? character) : String.fromCharCode(Number.parseInt(hex, 16));
    at += (all?.length ?? 1) - 1;
  }
  return null;
}
