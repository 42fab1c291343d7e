import { expect, it } from "vitest";
import { formatAge, formatDuration, parseDuration } from "../../src/duration.ts";

it.each([
  ["500ms", 500],
  ["30s", 30_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["2d1h", 176_400_000],
  ["0s", 0],
])("reads %s", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each([
  "",
  "10",
  "s",
  "-1s",
  "1s1m",
  "1s2s",
  "1 s",
  "1S",
  "1.s",
  ".5s",
  "1e3s",
  "9".repeat(31) + "s",
  "99999999999999d",
])("does not take %j for a duration", (text) => {
  expect(parseDuration(text)).toBeNull();
});

it.each([0, 1, 999, 1000, 90_000, 86_400_000, 90_061_001])("reads back what it writes: %d", (ms) => {
  expect(parseDuration(formatDuration(ms))).toBe(ms);
});

it.each([
  [-5, "0s"],
  [45_999, "45s"],
  [725_000, "12m"],
  [11_520_000, "3h12m"],
  [3_600_000, "1h"],
  [363_000_000, "4d4h"],
])("says of %d ms that it is %s", (ms, age) => {
  expect(formatAge(ms)).toBe(age);
});
