/** The table at the top of a page of docs/, held against what really happens. */
import { readFileSync } from "node:fs";

/** @param head of the table's first column */
export function rowsOf(page: string, head: string): string[][] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), "utf8");
  return (text.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith(`| ${head}`) && !line.startsWith("| -"))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
