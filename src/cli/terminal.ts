/** The real terminal, which src/main.ts hands out. */
import { openSync } from "node:fs";
import { ReadStream } from "node:tty";

const TERMINAL = "/dev/tty";

/** One line, over a stream of its own: a stdin that is read once would take an editor's keys away. */
export async function readLine(): Promise<string> {
  const terminal = new ReadStream(openSync(TERMINAL, "r"));
  let line = "";
  for await (const chunk of terminal) {
    line += String(chunk);
    if (line.includes("\n")) break;
  }
  return line.split("\n", 1)[0] ?? "";
}
