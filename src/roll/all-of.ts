import { toSidecryptError } from "../errors.ts";

/** All have ended before the first failure is told: nothing goes on behind the back of what follows. */
export async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw toSidecryptError(failed.reason);
}
