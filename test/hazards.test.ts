/** HAZARDS.md against the tests that it names: a row is true, or this fails. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8");
const exists = (path: string): boolean => existsSync(fileURLToPath(new URL(`../${path}`, import.meta.url)));

interface Row {
  readonly id: string;
  readonly outcome: string;
  readonly where: string;
  readonly files: readonly string[];
}

const rows: readonly Row[] = read("test/HAZARDS.md")
  .split("\n")
  .filter((line) => /^\| H\d+ /.test(line))
  .map((line) => {
    const [id = "", , outcome = "", where = ""] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { id, outcome, where, files: [...where.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "") };
  });

/** Rows whose tests are not written yet: each leaves this list with its first test. */
const TO_COME = "H6 H36 H38 H39 H40 H41 H43 H44 H45 H46 H47 H48 H50".split(" ");
/** Those that a container itself can have: shown on a real engine. */
const CONTAINERS = 35;

test("every hazard has a row, in order", () => {
  expect(rows.map((row) => row.id)).toEqual(Array.from({ length: 50 }, (_, n) => `H${n + 1}`));
});

test("the rows without tests are the known ones", () => {
  expect(rows.filter((row) => row.where === "to come").map((row) => row.id)).toEqual(TO_COME);
});

describe.each(rows.filter((row) => !TO_COME.includes(row.id)))("$id", ({ id, outcome, where, files }) => {
  test("says what becomes of it", () => {
    expect(outcome).toMatch(/^(handled|refused|documented)/);
  });

  if (outcome.startsWith("documented")) {
    test("stands in the README in these words", () => {
      expect(read("README.md")).toContain(/^"(.+)"$/.exec(where)?.[1] ?? where);
    });
    return;
  }

  test("is named by every file of its row", () => {
    expect(files.length).toBeGreaterThan(0);
    const lacking = files.filter((path) => !exists(path) || !new RegExp(`\\b${id}\\b`).test(read(path)));
    expect(lacking).toEqual([]);
  });

  if (Number(id.slice(1)) > CONTAINERS) return;
  test("is shown on a real engine, or by what one said", () => {
    const isReal = files.some((path) => path.startsWith("test/e2e/"));
    expect(isReal || outcome.includes("recorded")).toBe(true);
  });
});
