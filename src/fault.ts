/** What may be said of anything thrown, as data that names what it is about. */
import { toSidecryptError } from "./errors.ts";
import type { Fault } from "./types.ts";

export function faultOf(thrown: unknown, subject: string): Fault {
  const { code, message, hint } = toSidecryptError(thrown);
  return { code, subject, message, hint };
}
