/** Tables of `ps`, with and without environments → what is an argument and what is environment. Pure. */
import type { ProcessTable } from "../docker/evidence.ts";

export interface Process {
  readonly pid: string;
  readonly arguments: string;
  readonly environment: string;
}

/**
 * @param plain of `ps ww`: commands alone
 * @param full of `ps eww`: each command with the environment behind it
 */
export function readProcesses(plain: ProcessTable, full: ProcessTable): Process[] {
  const commands = new Map(plain.rows.map((row) => [cell(plain, row, "PID"), command(row)]));
  return full.rows.map((row) => {
    const pid = cell(full, row, "PID");
    const text = command(row);
    const known = commands.get(pid);
    // Begun, ended or become another one between the two tables.
    const end = known !== undefined && text.startsWith(known) ? known.length : environmentAt(text);
    return { pid, arguments: text.slice(0, end), environment: text.slice(end).trimStart() };
  });
}

/** A table without environments hides what it was asked for: BusyBox' ps takes no options. */
export function showsEnvironments(plain: ProcessTable, full: ProcessTable): boolean {
  if (full.rows.length === 0) return true;
  return readProcesses(plain, full).some(({ environment }) => environment !== "");
}

/** The last column is the command, blanks and all. */
const command = (row: readonly string[]): string => row.at(-1) ?? "";

function cell({ titles }: ProcessTable, row: readonly string[], title: string): string {
  return row[titles.findIndex((one) => one.toUpperCase() === title)] ?? "";
}

function environmentAt(text: string): number {
  const found = / [A-Za-z_]\w*=/.exec(text);
  return found === null ? text.length : found.index;
}

/** What `ps` makes of a value: line ends and what is no ASCII come out as question marks. */
export function asPrinted(value: Uint8Array): Uint8Array | null {
  const printed = value.map((byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x3f));
  return printed.every((byte, index) => byte === value[index]) ? null : printed;
}
