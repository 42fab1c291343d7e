import { expect, test } from "vitest";
import { createSearcher } from "../../src/search/index.ts";
import { LogSearch } from "../../src/verify/log-search.ts";

const VALUE = "x7Kq2mVb9PzLw4Rt8Yd1";
const searcher = createSearcher([{ name: "KEY", value: Buffer.from(VALUE) }]);

function linesOf(text: string, size: number): number[] {
  const search = new LogSearch(searcher);
  const bytes = Buffer.from(text);
  const hits = [];
  for (let at = 0; at < bytes.length; at += size) hits.push(...search.push(bytes.subarray(at, at + size)));
  return [...new Set([...hits, ...search.end()].map(({ line }) => line))].toSorted((a, b) => a - b);
}

test("each line that has a value is told once or twice, whatever the pieces and wherever the parts end", () => {
  const filler = "a line of a log that says nothing of any use\n";
  const every = 20_000;
  const text = Array.from({ length: 60_001 }, (_, index) => (index % every === 0 ? `key ${VALUE}\n` : filler)).join("");
  expect(text.length).toBeGreaterThan(2 * 2 ** 20);
  for (const size of [977, 65_536, text.length]) expect(linesOf(text, size)).toEqual([1, 20_001, 40_001, 60_001]);
});

test("a value at the very border of two parts is found", () => {
  for (const before of [2 ** 20 - 10, 2 ** 20 + 16 * 1024 - 10]) {
    expect(linesOf(`${"x".repeat(before - 1)}\n${VALUE}\n`, 4_096)).toEqual([2]);
    expect(linesOf(`${"x ".repeat(before / 2)}${VALUE}`, 4_096)).toEqual([1]);
  }
});

test("a short line is decoded as deeply as any text", () => {
  const encoded = Buffer.from(JSON.stringify({ key: VALUE })).toString("base64");
  expect(linesOf(`token=${encoded}\n`, 10)).toEqual([1]);
});
