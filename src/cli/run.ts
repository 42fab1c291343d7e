import { parseConfig } from "../config.ts";
import { parseArguments } from "./arguments.ts";
import type { Io } from "./io.ts";

export async function run(argv: readonly string[], io: Io): Promise<number> {
  parseArguments(argv, { command: "run", flags: {}, operands: 0 });
  return io.startDaemon(parseConfig(io.env));
}
