/** Where something was thrown, and nothing of what it says: a message can quote what was being handled (tmpfs-and-leaks.md §4.3). */
import { toSidecryptError } from "./errors.ts";

/** A place in a file or in Node itself. */
const FRAME = /^ +at (?:[^\n]* \()?(?:file:\/\/|node:|\/)[^\s()]*:\d+:\d+\)?$/;

/** For standard error: the code of anything thrown and the frames of its stack. */
export function describeCrash(thrown: unknown): string {
  const { code } = toSidecryptError(thrown);
  return [`sidecrypt: error: unexpected failure (${code})`, ...framesOf(thrown), ""].join("\n");
}

/** The message stands in the stack too, and a line of it may look like a frame: only what follows it counts. */
function framesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [];
  const { stack = "", message } = thrown;
  const at = stack.indexOf(message);
  // Somebody has changed the message since: it is not known where the old one ends.
  if (at === -1) return [];
  return stack
    .slice(at + message.length)
    .split("\n")
    .filter((line) => FRAME.test(line));
}
