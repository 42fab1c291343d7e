/** All secrets of a consumer in one file: `sidecrypt.format`. What is written stays as it is: another text is a roll. */
import { SidecryptError } from "../errors.ts";
import { dotenvValue } from "./lines.ts";
import { textOf } from "./place.ts";
import type { Values } from "./render.ts";

export type ListFormat = "dotenv" | "json";

/** Their names on the drop. */
export const LIST_FILES: Readonly<Record<ListFormat, string>> = { dotenv: "secrets.env", json: "secrets.json" };

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws SidecryptError `render-failed`, which names the secret */
export function writeList(format: ListFormat, values: Values): Uint8Array {
  const rows = [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => rowOf(format, name, value));
  // Not an object: a name may be `__proto__`.
  if (format === "json") return Buffer.from(rows.length === 0 ? "{}\n" : `{\n${rows.join(",\n")}\n}\n`);
  return Buffer.from(rows.map((row) => `${row}\n`).join(""));
}

function rowOf(format: ListFormat, name: string, value: Uint8Array): string {
  const file = LIST_FILES[format];
  const fail = (why: string, hint: string): SidecryptError =>
    new SidecryptError("render-failed", `${name} cannot be written into ${file}: ${why}`, hint);
  const text = textOf(value);
  if (text === null) throw fail("it is not UTF-8", "deliver it as a file: sidecrypt.format: files");
  if (format === "json") return `  ${JSON.stringify(name)}: ${JSON.stringify(text)}`;
  if (!VARIABLE.test(name)) throw fail("no variable can have its name", "use the format json, or leave it out");
  const written = dotenvValue(text);
  if (written === null) throw fail("readers of dotenv do not agree on its quotes", "use the format json");
  return `${name}=${written}`;
}

/** What stands in a list that was written here; null: it was not. */
export function readList(file: string, bytes: Uint8Array): Values | null {
  const text = textOf(bytes);
  if (text === null) return null;
  if (file === LIST_FILES.json) return readJson(text);
  return file === LIST_FILES.dotenv ? readDotenv(text) : null;
}

function readJson(text: string): Values | null {
  try {
    const entries = Object.entries(JSON.parse(text) as Readonly<Record<string, unknown>>);
    if (!entries.every((entry): entry is [string, string] => typeof entry[1] === "string")) return null;
    return new Map(entries.map(([name, value]) => [name, Buffer.from(value)]));
  } catch {
    return null;
  }
}

const ROW = /([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|"([^"]*)"|([^\n'"]*))\n/gy;

function readDotenv(text: string): Values | null {
  const rows = [...text.matchAll(ROW)];
  if (rows.map(([all]) => all).join("") !== text) return null;
  return new Map(
    rows.map(([, name = "", single, double, bare]) => [name, Buffer.from(single ?? double ?? bare ?? "")]),
  );
}
