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

/** Those that a container itself can have: shown on a real engine. */
const CONTAINERS = 35;

test("every hazard has a row, in order", () => {
  expect(rows.map((row) => row.id)).toEqual(Array.from({ length: 50 }, (_, n) => `H${n + 1}`));
});

describe.each(rows)("$id", ({ id, outcome, where, files }) => {
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
