import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meaningOf } from "../../src/bundle/meaning.ts";

function read(value: string): [string, ...string[]] {
  const { bytes, notes } = meaningOf(Buffer.from(value));
  return [bytes.toString(), ...notes];
}

describe("without a note: Compose reads the same", () => {
  test.each([
    ["abc", "abc"],
    ["", ""],
    [`"abc"`, "abc"],
    [`'abc'`, "abc"],
    [`""`, ""],
    [`''`, ""],
    [`a"b"c`, `a"b"c`],
    [`it's`, "it's"],
    [`"it's"`, "it's"],
    [`'say "hi"'`, `say "hi"`],
    [`"a b # c"`, "a b # c"],
    [`'a b # c $X'`, "a b # c $X"],
    ["a#b", "a#b"],
    ["#a", "#a"],
    [`" a "`, " a "],
    // LF is what sops made of backslash-n
    [`"a\nb"`, "a\nb"],
    [`"a\\nb"`, "a\nb"],
    // two backslashes and an n on the line, which sops made backslash, LF of: Compose's escape for a backslash
    [`"a\\\nb"`, "a\\nb"],
    [`"\\a\\b\\f\\r\\t\\v"`, "\x07\b\f\r\t\v"],
    [`"\\"a\\""`, `"a"`],
    [`"a\\\\"`, "a\\"],
    [`"\\\\\\"x"`, `\\"x`],
    [`"\\$A \\\${B}"`, "$A ${B}"],
    [`"\\c\\q\\x41\\'"`, "\\c\\q\\x41\\'"],
    [`"\\0101"`, "A"],
    [`'a\\tb\\\\'`, "a\\tb\\\\"],
    ["a\\tb\\", "a\\tb\\"],
    ["häßlich à", "häßlich à"],
  ])("%j is delivered as %j", (value, bytes) => {
    expect(read(value)).toEqual([bytes]);
  });
});

describe("with a note: Compose would have read something else", () => {
  test.each([
    ["a #b", "a #b", / #/],
    [`"abc" # c`, `"abc" # c`, / #/],
    [`"abc" # c`, `"abc" # c`, /does not match/],
    ["a$B", "a$B", /\$/],
    ["a$5", "a$5", /\$/],
    [`"a$B"`, "a$B", /\$/],
    [`"a$$"`, "a$$", /\$/],
    ["a\nb", "a\nb", /backslash-n/],
    ["C:\\new", "C:\\new", /backslash-n/],
    [`'a\nb'`, "a\nb", /backslash-n/],
    [" a", " a", /blank/],
    ["a\t", "a\t", /blank/],
    ["abc\r", "abc\r", /carriage return/],
    [`"abc"\r`, `"abc"\r`, /carriage return/],
    [`"abc`, `"abc`, /does not match/],
    [`'`, `'`, /does not match/],
    [`"`, `"`, /does not match/],
    [`"abc\\"`, `"abc\\"`, /does not match/],
    [`"a" and "b"`, `"a" and "b"`, /does not match/],
    [`'it's'`, `'it's'`, /does not match/],
    [`"abc'`, `"abc'`, /does not match/],
    [`'it\\'s'`, "it\\'s", /escape/],
    [`'C:\\'`, "C:\\", /escape/],
    [`"\\0"`, "\\0", /escape/],
    [`"\\0000"`, "\\0000", /escape/],
    [`"\\0377"`, "\\0377", /escape/],
  ])("%j is delivered as %j", (value, bytes, note) => {
    const [delivered, ...notes] = read(value);
    expect(delivered).toBe(bytes);
    expect(notes.some((text) => note.test(text))).toBe(true);
  });
});

test("no note holds anything of the value", () => {
  const notes = read(` "hunter2 $X #\n\r`).slice(1);
  expect(notes.length).toBeGreaterThan(2);
  expect(notes.join()).not.toContain("hunter2");
});

test("bytes that are not text pass through, quoted or not", () => {
  const bytes = Buffer.from([0xff, 0xfe, 0x80]);
  expect(meaningOf(bytes).bytes.equals(bytes)).toBe(true);
  expect(meaningOf(Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')])).bytes.equals(bytes)).toBe(true);
});

test("a value written in double quotes with its escapes is delivered exactly", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "\\", '"', "$", "n", "\n", "'", " ", "0", "1", "#") }),
      (text) => {
        const quoted = `"${text.replace(/[\\"$]/g, "\\$&").replaceAll("\n", "\\n")}"`;
        // what sops makes of that line
        expect(read(quoted.replaceAll("\\n", "\n"))).toEqual([text]);
      },
    ),
  );
});
