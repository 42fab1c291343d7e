/** The table at the top of a page of docs/, held against what really happens. */
import { readFileSync } from "node:fs";

/** @param head of the table's first column */
export function rowsOf(page: string, head: string): string[][] {
  return rowsIn(readFileSync(new URL(`../../docs/${page}`, import.meta.url), "utf8"), page, head);
}

export function rowsIn(text: string, page: string, head: string): string[][] {
  // A terminal's colours, pasted with the rows: no editor shows them.
  const line = text.split("\n").findIndex((one) => /\p{Cc}/u.test(one));
  if (line >= 0) throw new Error(`docs/${page}, line ${line + 1} holds a control character`);
  return (text.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((one) => one.startsWith("| ") && !one.startsWith(`| ${head}`) && !one.startsWith("| -"))
    .map((one) =>
      one
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
