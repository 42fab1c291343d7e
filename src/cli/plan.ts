import { parseArguments } from "./arguments.ts";
import { callDaemon } from "./daemon.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

export async function plan(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "plan", flags: { json: { type: "boolean" } }, operands: 0 });
  const { text, json } = await callDaemon(io, "plan");
  ui.out(parsed.has("json") ? JSON.stringify(json, null, 2) : text);
  return 0;
}
