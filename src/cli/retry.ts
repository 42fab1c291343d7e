import { parseArguments } from "./arguments.ts";
import { callDaemon } from "./daemon.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

export async function retry(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const [service = null] = parseArguments(argv, { command: "retry", flags: {}, operands: 1 }).operands;
  const { cleared } = await callDaemon(io, "retry", service);
  if (cleared.length > 0) ui.say(`trying again: ${cleared.join(", ")}`);
  else ui.say(service === null ? "nothing is quarantined" : `${service} is not quarantined`);
  return 0;
}
