import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emitLines, parseLines } from "../../src/bundle/dotenv.ts";

function entry(line: number, name: string, value: string) {
  return { kind: "entry", line, name, value: Buffer.from(value) };
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
    ["a comment starts in column 0", "#  x\n", [{ kind: "comment", line: 1, text: Buffer.from("  x") }]],
    ["an empty comment", "#\n", [{ kind: "comment", line: 1, text: Buffer.from("") }]],
    ["a comment keeps backslash-n", "#a\\nb\n", [{ kind: "comment", line: 1, text: Buffer.from("a\\nb") }]],
    ["a comment further right is a name", " #a=b\n", [entry(1, " #a", "b")]],
    ["duplicates stay", "A=1\nA=2\n", [entry(1, "A", "1"), entry(2, "A", "2")]],
  ])("%s", (_, text, lines) => {
    expect(parseLines(Buffer.from(text))).toEqual(lines);
  });

  test("names and values are bytes, not text", () => {
    const [line] = parseLines(Buffer.from([0xff, 0x3d, 0xfe, 0x80]));
    expect(line).toEqual({ kind: "entry", line: 1, name: "\u00ff", value: Buffer.from([0xfe, 0x80]) });
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

describe("emit undoes parse", () => {
  test("byte for byte, for any file without blank lines and with a final line feed", () => {
    const line = fc
      .tuple(fc.constantFrom("#", "A=", "=", "B C="), fc.uint8Array({ maxLength: 30 }))
      .map(([start, rest]) =>
        Buffer.concat([Buffer.from(start), rest.filter((byte) => byte !== 10), Buffer.from("\n")]),
      );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const file = Buffer.concat(lines);
        expect(emitLines(parseLines(file)).equals(file)).toBe(true);
      }),
    );
  });

  test("without blank lines, with a final line feed", () => {
    expect(emitLines(parseLines(Buffer.from("\nA=b\n\n#c"))).toString()).toBe("A=b\n#c\n");
  });
});
