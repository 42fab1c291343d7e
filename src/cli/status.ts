import { printStatus } from "../report/print-status.ts";
import { statusExit } from "../report/status.ts";
import { parseArguments } from "./arguments.ts";
import { callDaemon } from "./daemon.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

export async function status(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "status", flags: { json: { type: "boolean" } }, operands: 0 });
  const found = await callDaemon(io, "status");
  ui.out(parsed.has("json") ? JSON.stringify(found, null, 2) : printStatus(found));
  return statusExit(found);
}
