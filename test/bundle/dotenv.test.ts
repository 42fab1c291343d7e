import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyEdits, bytesOf, lineAt } from "../../src/bundle/document.ts";
import { dotenv } from "../../src/bundle/dotenv.ts";

function entry(line: number, name: string, text: string) {
  return { line, name, text };
}

function parseLines(bytes: Uint8Array) {
  const { text, leaves, comments } = dotenv.parse(bytes);
  return [
    ...leaves.map((leaf) => ({ line: lineAt(text, leaf.slot.start), name: leaf.name, text: leaf.text })),
    ...comments.map((comment) => ({ comment: comment.text, line: lineAt(text, comment.slot.start) })),
  ];
}

describe("a dotenv file is read as sops reads it", () => {
  test.each([
    ["empty file", "", []],
    ["plain", "A=b\n", [entry(1, "A", "b")]],
    ["no final line feed", "A=b", [entry(1, "A", "b")]],
    ["the first = splits", "A=b=c==\n", [entry(1, "A", "b=c==")]],
    ["empty value", "A=\n", [entry(1, "A", "")]],
    ["empty name", "=v\n", [entry(1, "", "v")]],
    ["untrimmed", " A = b \n", [entry(1, " A ", " b ")]],
    ["quotes and comments are text", `A="a b" # x\n`, [entry(1, "A", `"a b" # x`)]],
    ["export is part of the name", "export A=b\n", [entry(1, "export A", "b")]],
    ["backslash-n is a line feed", "A=a\\nb\\n\n", [entry(1, "A", "a\nb\n")]],
    ["nothing escapes the backslash", "A=a\\\\nb\n", [entry(1, "A", "a\\\nb")]],
    ["other escapes stay", "A=\\t\\r\\\\\n", [entry(1, "A", "\\t\\r\\\\")]],
    ["carriage returns stay", "A=b\r\n", [entry(1, "A", "b\r")]],
    ["blank lines count but are dropped", "\n\nA=b\n\n", [entry(3, "A", "b")]],
    ["a comment starts in column 0", "#  x\n", [{ comment: "  x", line: 1 }]],
    ["an empty comment", "#\n", [{ comment: "", line: 1 }]],
    ["a comment keeps backslash-n", "#a\\nb\n", [{ comment: "a\\nb", line: 1 }]],
    ["a comment further right is a name", " #a=b\n", [entry(1, " #a", "b")]],
    ["duplicates stay", "A=1\nA=2\n", [entry(1, "A", "1"), entry(2, "A", "2")]],
  ])("%s", (_, text, lines) => {
    expect(parseLines(Buffer.from(text))).toEqual(lines);
  });

  test("names and values are bytes, not text", () => {
    const [line] = parseLines(Buffer.from([0xff, 0x3d, 0xfe, 0x80]));
    expect(line).toEqual({ line: 1, name: "\u00ff", text: "\u00fe\u0080" });
  });

  test.each([
    ["x", 1],
    ["A=b\n\nhunter2\n", 3],
    ["A=b\r\n\r\n", 2],
  ])("a line without = is refused by its number, not its text: %j", (text, line) => {
    const parse = () => parseLines(Buffer.from(text));
    expect(parse).toThrow(expect.objectContaining({ message: `line ${line} has no "=" and is no comment` }));
  });

  test("a file of line feeds is refused before it fills the memory", () => {
    expect(() => parseLines(Buffer.alloc(1_000_000, "\n"))).toThrow("lines");
  });
});

test("every value written back in its slot gives the same bytes", () => {
  const line = fc
    .tuple(fc.constantFrom("#", "A=", "=", "B C="), fc.uint8Array({ maxLength: 30 }))
    .map(([start, rest]) => Buffer.concat([Buffer.from(start), rest.filter((byte) => byte !== 10), Buffer.from("\n")]));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const file = Buffer.concat(lines);
      const document = dotenv.parse(file);
      const edits = document.leaves.map((leaf) => {
        return { ...leaf.slot, text: dotenv.token(leaf.text, "str", leaf, document) };
      });
      expect(bytesOf(applyEdits(document.text, edits), document).equals(file)).toBe(true);
    }),
  );
});
