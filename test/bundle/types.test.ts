import { expect, test } from "vitest";
import { isCanonical } from "../../src/bundle/types.ts";
import { formatTime, lastModifiedText } from "../../src/bundle/time.ts";

test.each([
  ["int", ["0", "7", "-7", "9223372036854775807", "-9223372036854775808"]],
  ["float", ["0", "-0", "1", "1.5", "-20000000000", "0.0000001", "1234567", "123456789012345690000000", "0.1"]],
  ["bool", ["True", "False"]],
  ["str", ["", "anything", "+5"]],
] as const)("canonical %s", (type, texts) => {
  expect(texts.filter((text) => !isCanonical(type, Buffer.from(text)))).toEqual([]);
});

test.each([
  ["int", ["", "+5", "05", "-0", "1.0", " 1", "1\n", "0x1", "9223372036854775808", "1e3", "1".repeat(500)]],
  ["float", ["", "+1", "1.0", "01", ".5", "1.", "1e3", "1E+06", "NaN", "+Inf", "Inf", "1_0", "0.10", "9".repeat(340)]],
  ["bool", ["true", "TRUE", "1", "t", "", "true\n"]],
] as const)("not canonical %s", (type, texts) => {
  expect(texts.filter((text) => isCanonical(type, Buffer.from(text)))).toEqual([]);
});

test.each([
  ["2026-05-22T20:15:29Z", "2026-05-22T20:15:29Z"],
  ["2026-05-22T20:15:29.123456Z", "2026-05-22T20:15:29Z"],
  ["2026-05-22T20:15:29+00:00", "2026-05-22T20:15:29Z"],
  ["2026-05-22T20:15:29-00:00", "2026-05-22T20:15:29Z"],
  ["2026-05-22T22:15:29+02:00", "2026-05-22T22:15:29+02:00"],
  ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"],
])("lastmodified %s authenticates as %s", (text, aad) => {
  expect(lastModifiedText(text)).toBe(aad);
});

test.each([
  ...[
    "",
    "2026-05-22",
    "2026-05-22 20:15:29Z",
    "2026-05-22T20:15:29",
    "2026-05-22t20:15:29z",
    "2026-05-22T20:15:29Z\r",
  ],
  ...["2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z"],
  ...["2026-05-00T00:00:00Z", "2026-05-22T24:00:00Z", "2026-05-22T20:60:00Z", "2026-05-22T20:15:60Z"],
  ...["2026-05-22T20:15:29+24:00", "2026-05-22T20:15:29+0200"],
])("%j is no RFC 3339 time", (text) => {
  expect(lastModifiedText(text)).toBeNull();
});

test("times are written in UTC and whole seconds", () => {
  expect(formatTime(new Date("2026-05-22T22:15:29.999+02:00"))).toBe("2026-05-22T20:15:29Z");
});
