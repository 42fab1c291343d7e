/** The only writer to the terminal: numbered steps, commands as they are run, tables of what was measured. */

const colored = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const paint =
  (code: string) =>
  (text: string): string =>
    colored ? `\u001B[${code}m${text}\u001B[0m` : text;
const bold = paint("1");
const dim = paint("2");
const green = paint("32");
const red = paint("31");

let steps = 0;

export function line(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function step(title: string): void {
  steps += 1;
  line();
  line(bold(`${steps}. ${title}`));
}

export function command(text: string): void {
  line(dim(`   $ ${text}`));
}

/** Something that was looked at, and is as it should be. */
export function fact(text: string): void {
  line(`   ${green("✓")} ${text}`);
}

export function note(text: string): void {
  line(`     ${text}`);
}

export function failure(text: string): void {
  line();
  line(`${red("✗")} ${text}`);
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const layout = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  note(dim(layout(header)));
  for (const row of rows) note(layout(row));
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** What a terminal may show of a secret. */
export function masked(value: string): string {
  return `****${value.slice(-4)}`;
}
