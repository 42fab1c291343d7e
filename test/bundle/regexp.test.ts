import { expect, test } from "vitest";
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

test("names without number do not make a costly pattern hang", () => {
  const matches = compilePattern("(.{0,60}){0,60}x$");
  const all = () => {
    for (let name = 0; name < 10_000; name += 1) matches?.("a".repeat(255));
  };
  expect(all).toThrow("too long");
});
