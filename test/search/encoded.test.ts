/** Every form of a value, made here by other means than the search's own where the platform has one. */
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { inspect } from "node:util";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createSearcher } from "../../src/search/index.ts";

/** Each character is one that some encoding changes. */
const CANARY = "c4nary/\"+<é>\\\n& s3cret$ 'x'=%~";
const TOKEN = "k7Qw9zXp2LmN4vRtB8sD1fGh";

const searcher = createSearcher([
  { name: "CANARY", value: Buffer.from(CANARY) },
  { name: "TOKEN", value: Buffer.from(TOKEN) },
]);
const base64 = (text: string | Uint8Array): string => Buffer.from(text as string).toString("base64");
const python = (code: string): string => execFileSync("python3", ["-c", code, CANARY], { encoding: "utf8" });
const bash = (code: string): string => execFileSync("bash", ["-c", code, "-", CANARY], { encoding: "utf8" });
const bytesOf = (text: string, escape: (hex: string, byte: number) => string): string =>
  [...Buffer.from(text)].map((byte) => escape(byte.toString(16).padStart(2, "0"), byte)).join("");
const form = (text: string): string => new URLSearchParams({ v: text }).toString();

describe("a value that each character of would be changed is found", () => {
  it.each([
    ["in a URL of node's", new URL(`http://x/?v=${encodeURIComponent(CANARY)}`).href],
    ["in a form", form(CANARY)],
    ["percent-encoded in lower case", encodeURIComponent(CANARY).replace(/%../g, (one) => one.toLowerCase())],
    ["percent-encoded twice", encodeURIComponent(encodeURIComponent(CANARY))],
    ["percent-encoded three times", encodeURIComponent(encodeURIComponent(encodeURIComponent(CANARY)))],
    ["percent-encoded in every byte", bytesOf(CANARY, (hex) => `%${hex}`)],
    ["in JSON four times over", [1, 2, 3, 4].reduce((text) => JSON.stringify(text), CANARY)],
    ["in JSON in a URL", encodeURIComponent(JSON.stringify(CANARY))],
    ["in the JSON of PHP", JSON.stringify(CANARY).replaceAll("/", "\\/").replaceAll("é", "\\u00e9")],
    ["in YAML", stringify({ a: CANARY }, { defaultStringType: "QUOTE_DOUBLE" })],
    ["in YAML, in single quotes", stringify({ a: TOKEN }, { defaultStringType: "QUOTE_SINGLE" })],
    ["as node prints it", inspect([CANARY])],
    ["as python prints it", python("import sys; print(repr(sys.argv[1]))")],
    ["as python prints its bytes", python("import sys; print(sys.argv[1].encode())")],
    ["in the JSON of python", python("import sys, json; print(json.dumps(sys.argv[1]))")],
    ["in HTML", python("import sys, html; print(html.escape(sys.argv[1]))")],
    ["quoted-printable", python("import sys, quopri; print(quopri.encodestring(sys.argv[1].encode()).decode())")],
    ["quoted by python's shlex", python("import sys, shlex; print(shlex.quote(sys.argv[1]))")],
    ["quoted by bash", bash('printf %q "$1"')],
    ["quoted by bash, as an array", bash('a=("$1"); declare -p a')],
    ["as base32", python("import sys, base64; print(base64.b32encode(sys.argv[1].encode()).decode())")],
    [
      "as base32 behind something",
      python("import sys, base64; print(base64.b32encode(b'abc' + sys.argv[1].encode()).decode())"),
    ],
    [
      "as base32 in lower case",
      python("import sys, base64; print(base64.b32encode(b'a' + sys.argv[1].encode()).decode().lower())"),
    ],
    ["as a C array", bytesOf(CANARY, (hex, byte) => `0x${hex},${byte % 3 === 0 ? "\n  " : " "}`)],
    ["as a C array of Go's, in capitals", bytesOf(CANARY, (hex) => `0x${hex.replace(/^0/, "").toUpperCase()},\n\t\t`)],
    ["as hex with colons", bytesOf(CANARY, (hex) => `${hex}:`)],
    ["as C's octal", bytesOf(CANARY, (_, byte) => `\\${byte.toString(8).padStart(3, "0")}`)],
    ["as C's hex", bytesOf(CANARY, (hex) => `\\x${hex}`)],
    ["in Compose's dollars", CANARY.replaceAll("$", "$$$$")],
  ])("%s", (_, text) => {
    expect(searcher.search(`some text: ${text}, more text`).map(({ name }) => name)).toContain(
      text.includes(TOKEN) ? "TOKEN" : "CANARY",
    );
  });

  it.each(["md5", "sha1", "sha256", "sha512"])("as %s", (algorithm) => {
    for (const value of [TOKEN, `${TOKEN}\n`]) {
      for (const encoding of ["hex", "base64", "base64url"] as const) {
        const digest = createHash(algorithm).update(value).digest(encoding);
        expect(searcher.search(`x ${digest} y`)).toEqual([{ name: "TOKEN", form: algorithm, offset: 2 }]);
      }
    }
    const without = createSearcher([{ name: "TOKEN", value: Buffer.from(TOKEN) }], { digests: false });
    expect(without.search(createHash(algorithm).update(TOKEN).digest("hex"))).toEqual([]);
  });
});

const PLAIN = JSON.stringify({ exchange: { name: "bitget", key: TOKEN }, pairs: ["BTC/USDT", "ETH/USDT"] });

describe("what is wrapped", () => {
  it.each([
    ["gzip in base64", "raw", base64(gzipSync(PLAIN))],
    ["zlib in base64", "raw", base64(deflateSync(PLAIN))],
    ["base64 in base64 in base64", "base64", base64(base64(base64(PLAIN)))],
    ["hex of base64", "base64", Buffer.from(base64(PLAIN)).toString("hex")],
    ["base64 of hex", "hex", base64(Buffer.from(PLAIN).toString("hex"))],
    ["base64 in a URL", "base64", encodeURIComponent(base64(`{"a?>":"~~~${TOKEN}"}`))],
    ["base64 in 76 columns", "base64", base64(`${"x".repeat(47)}${TOKEN}${PLAIN}`).replace(/.{76}/g, "$&\n")],
    ["base64 in 64 columns in JSON", "base64", JSON.stringify(base64(PLAIN).replace(/.{64}/g, "$&\n"))],
    ["base64 of UTF-16", "utf-16", base64(Buffer.from(PLAIN, "utf16le"))],
  ])("as %s is found", (_, form, text) => {
    const hits = searcher.search(`{"data":"${text}"}`);
    expect(hits.map(({ name }) => name)).toEqual(["TOKEN"]);
    expect(hits[0]?.form).toContain(form === "raw" ? "base64" : form);
  });

  it("as a gzip member is found behind other bytes, and what is damaged as far as it goes", () => {
    const packed = gzipSync(`${PLAIN}${"more ".repeat(1000)}`);
    const data = Buffer.concat([Buffer.from("header "), packed]);
    expect(searcher.search(data)).toEqual([{ name: "TOKEN", form: "gzip", offset: 7 }]);
    expect(searcher.search(data.subarray(0, -20))).toEqual([{ name: "TOKEN", form: "gzip", offset: 7 }]);
  });

  it("ends at a bomb, and finds what stands beside it", () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 26));
    const data = Buffer.concat([Buffer.from(base64(bomb)), Buffer.from(` ${TOKEN}`)]);
    expect(searcher.search(data).map(({ form }) => form)).toEqual(["raw"]);
  });

  it("in a stream is found across the borders of its windows", () => {
    const long = base64(`${"some words ".repeat(30_000)}${JSON.stringify(JSON.stringify({ [TOKEN]: 1 }))}`);
    const text = Buffer.from(`${"line\n".repeat(200_000)}${long}\n${"line\n".repeat(300_000)}${TOKEN}`);
    const stream = searcher.stream();
    const hits = [];
    for (let at = 0; at < text.length; at += 100_000) hits.push(...stream.push(text.subarray(at, at + 100_000)));
    hits.push(...stream.end());
    expect(hits.map(({ name, line }) => [name, line])).toEqual([
      ["TOKEN", 200_001],
      ["TOKEN", 500_002],
    ]);
  });
});

describe("of a long value", () => {
  const body = Array.from({ length: 30 }, (_, line) => base64(createHash("sha384").update(String(line)).digest()));
  const pem = `-----BEGIN PRIVATE KEY-----\n${body.join("\n")}\n-----END PRIVATE KEY-----\n`;
  const keys = createSearcher([{ name: "PEM", value: Buffer.from(pem) }]);

  it("each line is found, but none that every such file has", () => {
    expect(keys.search(`log: ${body[20]}`)).toEqual([{ name: "PEM", form: "line", offset: 5 }]);
    expect(keys.search("-----BEGIN PRIVATE KEY-----\nand -----END PRIVATE KEY-----")).toEqual([]);
  });

  it("all of it is one find", () => {
    expect(keys.search(JSON.stringify({ pem })).map(({ form }) => form)).toContain("json");
  });
});
