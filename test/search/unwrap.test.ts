/** How often what is wrapped is decoded: once for each alignment, however many lines it has. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { createSearcher } from "../../src/search/index.ts";
import { eachRun } from "../../src/search/runs.ts";
import { type Piece, Unwrapper } from "../../src/search/unwrap.ts";

const TOKEN = "k7Qw9zXp2LmN4vRtB8sD1fGh";
const LINES = 3_000;
const WHOLE = 2 ** 18;
const words = "some words that are no secret, ".repeat((LINES * 57) / 31);
const wrapped = (text: string, columns: number): string => text.replaceAll(new RegExp(`.{${columns}}`, "g"), "$&\n");
const noise = (bytes: number): Buffer =>
  Buffer.concat(Array.from({ length: bytes / 32 }, (_, n) => createHash("sha256").update(String(n)).digest()));

function piecesOf(text: string): Piece[] {
  const [data, pieces] = [Buffer.from(text), [] as Piece[]];
  const unwrapper = new Unwrapper(data, 6, (piece) => pieces.push(piece));
  eachRun(data, 20, (start, end) => {
    unwrapper.run(start, end, false);
  });
  return pieces;
}

it.each([
  ["base64 of text", wrapped(Buffer.from(words).toString("base64"), 76)],
  ["base64 of bytes", wrapped(noise(LINES * 57).toString("base64"), 76)],
  ["hex of text", wrapped(Buffer.from(words).toString("hex"), 60)],
  ["hex of bytes", wrapped(noise(LINES * 30).toString("hex"), 60)],
])("%s, in thousands of lines, is decoded a few times", (_, text) => {
  expect(text.split("\n").length).toBeGreaterThan(LINES - 100);
  expect(piecesOf(text).length).toBeLessThan(8);
});

it("of two blocks each is decoded", () => {
  const block = wrapped(Buffer.from(words.slice(0, 600)).toString("base64"), 76);
  const starts = piecesOf(`${block}\n-- \n${block}\n`).map(({ start }) => start);
  expect(new Set(starts).size).toBe(2);
});

const searcher = createSearcher([{ name: "TOKEN", value: Buffer.from(TOKEN) }]);

it.each([0, 1, 2, 3])(
  "a value in the last of many lines is found, %i characters behind the block's beginning",
  (more) => {
    const before = "/".repeat(more);
    for (const filling of [words, noise(LINES * 57).toString("latin1")]) {
      const text = before + Buffer.from(`${filling}${TOKEN} and more`, "latin1").toString("base64");
      const found = searcher.search(`Content-Transfer-Encoding: base64\n\n${wrapped(text, 76)}\n`);
      expect(found.map(({ name }) => name)).toEqual(["TOKEN"]);
    }
  },
);

it("hex lines below a line that is no hex are decoded by themselves", () => {
  const hex = wrapped(Buffer.from(`${words.slice(0, 300)}${TOKEN} `).toString("hex"), 60);
  const other = "z".repeat(60);
  expect(searcher.search(`${other}\n${hex}${other}\n${hex}`).length).toBeGreaterThan(0);
  expect(searcher.search(`${"ab".repeat(30)}\n${other}\n${hex}`).map(({ name }) => name)).toEqual(["TOKEN"]);
});

const packed = gzipSync(`{"a":"${TOKEN}"}`);
const twice = Buffer.from(Buffer.from(`x${TOKEN}`).toString("base64")).toString("base64");

it.each([
  ["bytes that are no text", noise(96).toString("base64")],
  ["bytes that are no text, wrapped", wrapped(noise(640).toString("base64"), 76)],
  ["zeros", "A".repeat(WHOLE)],
  ["a digest", createHash("sha512").update("a").digest("hex")],
])("what begins on the line below %s is found, though both are decoded as one", (_, above) => {
  for (const below of [packed.toString("base64"), twice]) {
    for (const shift of ["", "x", "xx", "xxx"]) {
      const hits = searcher.search(`${above}${shift}\n${below}\n${above}`);
      expect(hits.map(({ name }) => name)).toContain("TOKEN");
    }
  }
});

it("a gzip is found with other bytes right behind it, and with a name, a comment and more in its header", () => {
  expect(searcher.search(Buffer.concat([noise(96), packed, noise(96)])).map(({ form }) => form)).toEqual(["gzip"]);
  // RFC 1952 §2.3: a check, an extra field of three bytes, a name and a comment.
  const header = Buffer.concat([packed.subarray(0, 10), Buffer.from("\x03\0abcname\0comment\0\0\0", "latin1")]);
  header[3] = 0x1e;
  expect(searcher.search(Buffer.concat([header, packed.subarray(10)]))).toHaveLength(1);
});
