import { describe, expect, test } from "vitest";
import { asPrinted, readProcesses, showsEnvironments } from "../../src/verify/processes.ts";

const table = (...rows: readonly string[][]) => ({ titles: ["PID", "TTY", "STAT", "TIME", "COMMAND"], rows });
const row = (pid: string, command: string): string[] => [pid, "?", "Ss", "0:00", command];

describe("arguments and environment", () => {
  test("are told apart by the table without environments", () => {
    const plain = table(row("7", "bot --name A=B"));
    const full = table(row("7", "bot --name A=B PATH=/bin KEY=a b"));
    expect(readProcesses(plain, full)).toEqual([
      { pid: "7", arguments: "bot --name A=B", environment: "PATH=/bin KEY=a b" },
    ]);
  });

  test("of a process that began between the tables: at the first that looks like a variable", () => {
    expect(readProcesses(table(), table(row("8", "sleep 1 PATH=/bin")))).toEqual([
      { pid: "8", arguments: "sleep 1", environment: "PATH=/bin" },
    ]);
  });
});

test("a table that shows no environment at all is not taken for processes without one", () => {
  const plain = table(row("7", "bot"));
  expect(showsEnvironments(plain, plain)).toBe(false);
  expect(showsEnvironments(plain, table(row("7", "bot PATH=/bin")))).toBe(true);
});

test("what ps prints of a value of several lines", () => {
  expect(asPrinted(Buffer.from("plain"))).toBeNull();
  expect(Buffer.from(asPrinted(Buffer.from("a\nb\u00e9")) ?? []).toString()).toBe("a?b??");
});
