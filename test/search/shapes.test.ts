import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { createSearcher } from "../../src/search/index.ts";

const searcher = createSearcher([], { shapes: true });
const apart = (...parts: string[]): string => parts.join("");
/** Not what any issuer gave out; in parts, so that no scanner of this repository takes one for a key. */
const random = "q8Zr3LkT9wXv2BnM7sYp4DcG6hJfR1tKe5Ua0WbVxNzQmPoLiEuYc3d7g9";
const hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const jwt = (...parts: string[]): string =>
  [...parts.map((part) => Buffer.from(part).toString("base64url")), random.slice(0, 43)].join(".");
const body = Array.from({ length: 4 }, (_, line) => random.slice(line) + random.slice(0, line)).join("\n");

describe("a key is known by its looks", () => {
  it.each([
    ["age-identity", `AGE-SECRET-KEY-1${"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".repeat(2).slice(0, 58)}`],
    ["aws-access-key", apart("AK", "IAQ3EGPZ5WKD7RM2XT")],
    ["github-token", apart("gh", "p_", random.slice(0, 36))],
    ["slack-token", apart("xo", "xb-263594206564-2343594206574-", random.slice(0, 24))],
    ["google-api-key", apart("AI", "za", random.slice(0, 35))],
    ["jwt", jwt('{"alg":"HS256"}', '{"sub":"bot7","a":1}')],
    ["telegram-token", `7318264590:AA${random.slice(0, 33)}`],
    ["private-key", `${apart("-----BEGIN OPENSSH", " PRIVATE KEY-----")}\n${body}\n-----END`],
  ])("%s", (kind, text) => {
    for (const data of [
      `"${text}"`,
      `x = ${text}\n`,
      Buffer.from(`{"a":"${text}"}`).toString("base64"),
      JSON.stringify({ text }),
    ]) {
      expect(searcher.search(data).map(({ name }) => name)).toEqual([`shape:${kind}`]);
    }
  });

  it.each(["API_SECRET=", '"secretKey": "', "bitget_api_key: ", "passphrase='"])(
    "an exchange's, behind %s",
    (before) => {
      expect(searcher.search(`${before}${hex}`).map(({ name }) => name)).toEqual(["shape:exchange-key"]);
    },
  );

  it.each([
    ["a digest", `sha256=${hex} cacheKey: ${hex}`],
    ["documentation's key", "AKIAIOSFODNN7EXAMPLE"],
    ["a placeholder", `ghp_${"x".repeat(36)} AIza${"0".repeat(35)}`],
    ["a header alone", '"-----BEGIN PRIVATE KEY-----" + body'],
    [
      "the token of every documentation of JWT",
      jwt('{"alg":"HS256","typ":"JWT"}', '{"sub":"1234567890","name":"John Doe"}'),
    ],
    ["what a header without an algorithm begins", jwt('{"kid":"7f3a91"}', '{"sub":"bot7","a":1}')],
    ["part of a word", apart("fooAK", "IAQ3EGPZ5WKD7RM2XT")],
  ])("%s is none", (_, text) => {
    expect(searcher.search(text)).toEqual([]);
  });
});

describe("an age identity", () => {
  const letters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".repeat(2);

  it.each(["XXXX", "0000", "AAAA"])("that has %s by chance is one", (four) => {
    const identity = `AGE-SECRET-KEY-1${four}${letters.slice(0, 54)}`;
    expect(searcher.search(identity).map(({ name }) => name)).toEqual(["shape:age-identity"]);
  });

  it.each(["X", "EXAMPLE", "0"])("that is %s again and again is a placeholder", (word) => {
    expect(searcher.search(`AGE-SECRET-KEY-1${word.repeat(58).slice(0, 58)}`)).toEqual([]);
  });
});

it.each(["\\n", "\\r", "\\t", "\\\\n"])(
  "in a stream a key behind a written %s is found, behind a word not",
  (written) => {
    const token = apart("gh", "p_", random.slice(0, 36));
    const found = (text: string) => {
      const stream = searcher.stream();
      return [...stream.push(Buffer.from(text)), ...stream.end()].map(({ name, offset }) => [name, offset]);
    };
    expect(found(`{"log":"${written}${token}"}`)).toEqual([["shape:github-token", 8 + written.length]]);
    expect(found(`{"log":"${written.slice(-1)}${token}"}`)).toEqual([]);
  },
);

test("a key that is a known secret is told by its name alone", () => {
  const token = apart("gh", "p_", random.slice(0, 36));
  const known = createSearcher([{ name: "TOKEN", value: Buffer.from(token) }], { shapes: true });
  expect(known.search(`x ${token}`)).toEqual([{ name: "TOKEN", form: "raw", offset: 2 }]);
});

test("a large tree without keys has no find", () => {
  const root = join(import.meta.dirname, "../../node_modules/typescript");
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const hits = files.flatMap((file) => {
    const stream = searcher.stream();
    return [...stream.push(readFileSync(join(file.parentPath, file.name))), ...stream.end()].map((hit) => [
      file.name,
      hit,
    ]);
  });
  expect(files.length).toBeGreaterThan(50);
  expect(hits).toEqual([]);
});
