import { toSidecryptError } from "../errors.ts";
import { parseArguments } from "./arguments.ts";
import { callDaemon } from "./daemon.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

/** Docker keeps what this prints beside the health it shows, and reserves every status but 0 and 1. */
export async function health(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  try {
    parseArguments(argv, { command: "health", flags: {}, operands: 0 });
    const { ok, reasons } = await callDaemon(io, "health");
    for (const reason of reasons) ui.out(reason);
    return ok ? 0 : 1;
  } catch (thrown) {
    ui.error(toSidecryptError(thrown));
    return 1;
  }
}
