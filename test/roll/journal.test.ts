import { expect, test } from "vitest";
import {
  backupName,
  candidateName,
  canonicalName,
  failedName,
  formatUnit,
  parseUnit,
  shortId,
} from "../../src/roll/journal.ts";

const ID = "0123456789ab".padEnd(64, "c");
const FINAL = "stack-bot-1";

test.each([
  FINAL,
  candidateName(FINAL, ID),
  backupName(FINAL, ID),
  failedName(FINAL, ID),
  // What Compose leaves when it is interrupted (H5), and ours on top of it.
  backupName(candidateName(FINAL, ID), ID),
  "project_with_underscores-1",
  "0123456789ab-bot",
  "my.bak.app",
])("H5: the canonical name of %s carries no suffix, however often it is taken", (name) => {
  const canonical = canonicalName(name);
  expect(canonical).not.toMatch(/^[0-9a-f]{12}_|\.(bak|failed)\.[0-9a-f]{12}$/);
  expect(canonicalName(canonical)).toBe(canonical);
  expect([FINAL, name]).toContain(canonical);
});

test("names are short ids and the canonical name", () => {
  expect(shortId(ID)).toBe("0123456789ab");
  expect(candidateName(FINAL, ID)).toBe("0123456789ab_stack-bot-1");
  expect(backupName(FINAL, ID)).toBe("stack-bot-1.bak.0123456789ab");
  expect(failedName(FINAL, ID)).toBe("stack-bot-1.failed.0123456789ab");
});

test("a unit's mark survives its label", () => {
  const mark = { operation: "0011223344556677", members: 12 };
  expect(parseUnit(formatUnit(mark))).toEqual(mark);
});

test.each([undefined, "", "x", "0011223344556677", "0011223344556677/", "0011223344556677/x", " 0011223344556677/1"])(
  "%j is no mark of ours",
  (label) => {
    expect(parseUnit(label)).toBeNull();
  },
);
