import { describe, expect, test } from "vitest";
import { compilePattern } from "../../src/bundle/regexp.ts";

test.each([
  ["^(A|B)$", ["A", "B"], ["AB", "", "C"]],
  ["KEY", ["KEY", "MY_KEYS"], ["key", "K"]],
  ["^DB_", ["DB_X"], ["XDB_"]],
  ["_PUBLIC$", ["A_PUBLIC"], ["A_PUBLICS"]],
  ["", ["", "x"], []],
  ["^$", [""], ["x"]],
  ["^[A-C_]+$", ["A_B"], ["AD", ""]],
  ["^[^A-C]$", ["D", "_"], ["A", ""]],
  ["^[\\w-]$", ["a", "9", "_", "-"], ["."]],
  ["^\\d{2,3}$", ["12", "123"], ["1", "1234"]],
  ["^a{2}$", ["aa"], ["a", "aaa"]],
  ["^a{2,}$", ["aa", "aaaa"], ["a"]],
  ["^a?b*?c+$", ["c", "abbc", "bcc"], ["a", "ab"]],
  ["^(?:ab|a)c$", ["abc", "ac"], ["bc"]],
  ["^(?P<n>x)(?<m>y)$", ["xy"], ["x"]],
  ["(?i)^key$", ["KEY", "kEy"], ["keys"]],
  ["(?i)^[a-c]$", ["A", "c"], ["D"]],
  ["^a\\.b$", ["a.b"], ["axb"]],
  ["^.$", ["a"], ["", "ab"]],
  ["\\Aab\\z", ["ab"], ["xab"]],
  ["a|b|", ["", "z"], []],
  ["^(a*)*$", ["", "aaa"], ["b"]],
  ["x^y", [], ["xy"]],
  ["^\\D\\W\\S$", ["a-b"], ["1ab"]],
])("%s", (pattern, yes, no) => {
  const matches = compilePattern(pattern);
  expect(yes.filter((text) => matches?.(text) !== true)).toEqual([]);
  expect(no.filter((text) => matches?.(text) !== false)).toEqual([]);
});

test.each([
  ...["(", ")", "a)", "[", "[]", "[]a]", "[a", "*", "+a", "a**", "a+{2}", "{", "a{", "a{3,2}", "a{1001}", "a\\"],
  ...["\\b", "\\pL", "\\Q", "\\1", "\\x41", "[[:alpha:]]", "[b-a]", "(?=a)", "(?!a)", "(?m)a", "a(?i)b", "é", "a\nb"],
  `(${"|".repeat(480)}){1000}`,
  ...["((a{100}){100}){100}", "((((){1000}){1000}){1000}){1000}", "a".repeat(2000)],
])("%j is refused, not guessed at", (pattern) => {
  expect(compilePattern(pattern)).toBeNull();
});

test.each(["(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*)*(.*)*x", "a*a*a*a*a*a*a*a*b", "(a?){64}a{64}$"])(
  "%s cannot be made to hang",
  (pattern) => {
    const started = performance.now();
    compilePattern(pattern)?.(`${"a".repeat(255)}!`);
    expect(performance.now() - started).toBeLessThan(1000);
  },
);

describe("over as many names as a bundle may hold", () => {
  const NAMES = Array.from({ length: 10_000 }, (_, index) => `SERVICE_${index}_SETTING_OF_THE_DATABASE`);

  test("an honest pattern of many branches anywhere in a name is applied to all", () => {
    const words = Array.from({ length: 40 }, (_, index) => `SECRET${index}|TOKEN_${index}`);
    const matches = compilePattern(`(${words.join("|")})`);
    expect(NAMES.filter((name) => matches?.(`${name}_TOKEN`) === true)).toEqual([]);
    expect(NAMES.filter((name) => matches?.(`${name}_TOKEN_7`) === true)).toEqual(NAMES);
  });

  test("a costly pattern to which all names are alike is worked out once", () => {
    const matches = compilePattern("(.{0,60}){0,60}x$");
    expect(NAMES.filter((name) => matches?.(name) === true)).toEqual([]);
  });

  test.each(["a[ab]{200}x", "(a[ab]{30}){0,30}x", `a[${"cdefgh".repeat(100)}ab]{200}x`])(
    "%s, in which each name leads elsewhere, is given up",
    (pattern) => {
      const names = NAMES.map((_, index) => lettersOf((index * 2_654_435_761) % 2 ** 32).repeat(8));
      const matches = compilePattern(pattern);
      const all = () => names.filter((name) => matches?.(name));
      expect(all).toThrow("too long");
    },
  );
});

/** In a and b. */
function lettersOf(number: number): string {
  return number.toString(2).replaceAll("0", "a").replaceAll("1", "b");
}
