/**
 * What is written down of a roll before anything is touched. Docker is the journal (DESIGN.md rule 4) for containers
 * that are replaced; one that is restarted, signalled or stopped for another keeps its id and its labels, so a killed
 * sidecar would find nothing of what it did to it. Ids, names and
 * messages only: no value, no environment.
 */
import * as z from "zod";
import { EXIT_STATUS, type ErrorCode } from "../errors.ts";
import type { Fault } from "../types.ts";

/** Of Docker's HostConfig. */
export const restartPolicy = z.object({ Name: z.string(), MaximumRetryCount: z.number() });

const member = z.object({
  service: z.string(),
  /** Full id of the container that ran before. */
  container: z.string(),
  /** Its drop; null: it asks for no secrets. */
  volume: z.string().nullable(),
  how: z.enum(["recreate", "restart", "signal", "exec"]),
  wave: z.number(),
  follows: z.array(z.string()),
  /** Stopped by us, or about to be, because of one that it follows. */
  parked: z.boolean(),
  /** It did not run when its turn came near: it must not be started. */
  asleep: z.boolean(),
  /** Its own restart policy, which it lacks while it is kept; null: it is not replaced. */
  policy: restartPolicy.nullable().default(null),
});

export const faultSchema = z
  .object({
    code: z.enum(Object.keys(EXIT_STATUS) as [ErrorCode, ...ErrorCode[]]),
    subject: z.string(),
    message: z.string(),
    hint: z.string().optional(),
  })
  .transform(({ hint, ...fault }): Fault => ({ ...fault, hint }));

export const rollRecord = z.object({
  operation: z.string(),
  /** `committing`: every gate has passed, and nothing may go back any more. */
  phase: z.enum(["rolling", "committing"]),
  /** Volume to the generation id that it holds once the unit has committed. */
  generations: z.record(z.string(), z.string()),
  members: z.array(member),
  /** Why its way back failed: only a person's `retry` goes on with it. */
  givenUp: faultSchema.nullable().default(null),
});

export type RollRecord = Readonly<z.infer<typeof rollRecord>>;
export type MemberRecord = Readonly<z.infer<typeof member>>;
