/** Runs that are found by a look at some of the bytes, beside a regular expression that looks at all. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { alphabet, eachRun, eachRunOf, otherInPair } from "../../src/search/runs.ts";

const COLUMNS = alphabet("0123456789abcdef ");
const OTHER_IN_PAIR = otherInPair(COLUMNS);

type Look = (data: Buffer, least: number, found: (start: number, end: number) => void) => void;

const inColumns: Look = (data, least, found) => {
  eachRunOf(COLUMNS, OTHER_IN_PAIR, data, least, found);
};

it.each([
  ["a token's characters", eachRun as Look, "[A-Za-z\\d+/_-]"],
  ["the columns of a dump", inColumns, "[\\da-f ]"],
])("of %s: each of at least so many, and no shorter one", (_, look, known) => {
  // Of runs about as long as the least, and of what ends them.
  const piece = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "7", "f"), minLength: 15, maxLength: 70 }),
    fc.string({ unit: fc.constantFrom("a", "7", "f"), maxLength: 9 }),
    fc.constantFrom(".", "\n", "€", "\0", "Z", " "),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.constantFrom(20, 24, 64), (pieces, least) => {
      const text = Buffer.from(pieces.join("")).toString("latin1");
      const runs = [...text.matchAll(new RegExp(`${known}{${least},}`, "g"))];
      const found: [number, number][] = [];
      look(Buffer.from(text, "latin1"), least, (start, end) => found.push([start, end]));
      expect(found).toEqual(runs.map(({ 0: run, index }) => [index, index + run.length]));
    }),
    { numRuns: 2_000 },
  );
});
