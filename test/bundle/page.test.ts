import { expect, test } from "vitest";
import { rowsIn } from "./page.ts";

const TABLE = "# A page\n\n| edit | format |\n| ---- | ------ |\n| a\\|b | yaml   |\n";

test("the rows of a page are those of its first table", () => {
  expect(rowsIn(`${TABLE}\n## Below\n\n| c | json |\n`, "X.md", "edit")).toEqual([["a\\|b", "yaml"]]);
});

test("a page with what a terminal printed is refused, wherever it stands", () => {
  const page = `${TABLE}\n## Below\n\n    \u001b[90m152|\u001b[39m   expect(\n`;
  expect(() => rowsIn(page, "X.md", "edit")).toThrow("docs/X.md, line 9 holds a control character");
});
