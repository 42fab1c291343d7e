/** What programs make of a value, each by its own means: not by the searcher's, which is what is tested. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export type Encode = (value: string) => string;

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const hex = (text: string): string => Buffer.from(text).toString("hex");
const dump = (...options: readonly string[]) => {
  return (value: string) => execFileSync("od", ["-v", ...options], { input: `key: ${value}\n`, encoding: "utf8" });
};
const shell = (command: string) => (value: string) =>
  execFileSync("sh", ["-c", command], { input: value, encoding: "utf8" });
/** Twelve in a row, as `xxd -i` has them. */
const cArray = (value: string): string =>
  [...Buffer.from(value)]
    .map((byte, at) => `${at % 12 === 0 ? "\n  " : " "}0x${byte.toString(16).padStart(2, "0")}`)
    .join(",");
const utf16 = (value: string): Buffer => Buffer.from(value, "utf16le");
const digest = (name: string) => (value: string) => createHash(name).update(value).digest("hex");

/** Text in every case, so that it can stand in an environment, a label or an argument. */
export const ENCODINGS: Readonly<Record<string, Encode>> = {
  raw: (value) => value,
  "within a DSN": (value) => `redis://user:${value}@redis:6379/0`,
  base64,
  "base64, one byte in": (value) => base64(`:${value}`),
  "base64, two bytes in": (value) => base64(`a:${value}`),
  "basic authorization": (value) => `Authorization: Basic ${base64(`user:${value}`)}`,
  base64url: (value) => Buffer.from(`a:${value}`).toString("base64url"),
  hex,
  "hex, capital": (value) => hex(value).toUpperCase(),
  percent: (value) => encodeURIComponent(value),
  "percent, small": (value) => encodeURIComponent(value).replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  form: (value) => new URLSearchParams({ key: value }).toString(),
  JSON: (value) => JSON.stringify({ key: value }),
  "JSON in JSON": (value) => JSON.stringify({ body: JSON.stringify({ key: value }) }),
  "JSON of Go": (value) =>
    JSON.stringify({ key: value }).replace(/[<>&]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`),
  shell: (value) => `curl -H '${value.replaceAll("'", String.raw`'\''`)}'`,
  Compose: (value) => value.replaceAll("$", "$$$$"),
  XML: (value) =>
    `<key>${value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&apos;")}</key>`,
  "base64 of JSON": (value) => base64(JSON.stringify({ key: value })),
  "base64 of base64": (value) => base64(base64(value)),
  "hex of base64": (value) => hex(base64(value)),
  "percent of JSON": (value) => encodeURIComponent(JSON.stringify({ key: value })),
  "gzip in base64": (value) => gzipSync(`the key is ${value}\n`).toString("base64"),
  "hex dump": dump("-A", "x", "-t", "x1z"),
  "hex dump of words": dump("-A", "o", "-t", "x2"),
  "a Buffer in JSON": (value) => JSON.stringify({ key: Buffer.from(value) }),
  "a slice of bytes": (value) => `[${[...Buffer.from(value)].join(" ")}]`,
  base32: shell("base32 -w 0"),
  "base32, small": (value) => shell("base32 -w 0")(`:${value}`).toLowerCase(),
  "UTF-16": (value) => utf16(value).toString(),
  "UTF-16, great end first": (value) => utf16(value).swap16().toString(),
  "UTF-16 in base64": (value) => utf16(value).toString("base64"),
  "UTF-16 in base64, great end first": (value) => utf16(value).swap16().toString("base64"),
  "base64 in lines of PEM": (value) =>
    `-----BEGIN KEY-----\n${shell("base64 -w 64")(`${"x".repeat(40)}${value}${"y".repeat(60)}`)}-----END KEY-----\n`,
  "a C array": (value) => `unsigned char key[] = {${cArray(`key: ${value}`)}\n};`,
  "MD5 in hex": digest("md5"),
  "SHA-1 in hex": digest("sha1"),
  "SHA-256 in hex": digest("sha256"),
  "SHA-512 in hex": digest("sha512"),
};

/** Made of several lines. */
export const OF_LINES: ReadonlySet<string> = new Set([
  "hex dump",
  "hex dump of words",
  "base64 in lines of PEM",
  "a C array",
]);

/** Made of bytes that only a stream or a file holds. */
export const OF_BYTES: ReadonlySet<string> = new Set(["UTF-16", "UTF-16, great end first"]);

/** The README's table has these: a day that one of these is found is a day to correct it. */
export const OUT_OF_REACH: Readonly<Record<string, Encode>> = {
  reversed: (value) => Array.from(value).toReversed().join(""),
  "base64 reversed": (value) => Array.from(base64(value)).toReversed().join(""),
  "an octal dump": dump("-b"),
  "an octal dump of words": dump("-o"),
  "a dump of characters": dump("-c"),
  "base32 in lines": (value) => shell("base32 -w 16")(value),
  "a list of decimal bytes in lines": (value) => JSON.stringify([...Buffer.from(value)], null, 2),
  "every byte moved by one": (value) =>
    Array.from(value)
      .map((one) => String.fromCharCode(one.charCodeAt(0) + 1))
      .join(""),
  "every other character": (value) => Array.from(value).join("."),
};
