/** The real adapter, connected to the canned engine of server.ts. */
import { expect } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { connectEngine } from "../../src/docker/engine.ts";
import { SidecryptError } from "../../src/errors.ts";
import { type Answers, serve } from "./server.ts";

export const ID = "ab".repeat(32);

/** Ten times as hasty as the real one. */
const clock: Clock = { now: () => systemClock.now(), sleep: (ms, signal) => systemClock.sleep(ms / 10, signal) };
export const PATIENCE = { clock, callTimeout: 60_000 };

export async function connected(answers: Answers, apiVersion?: string, callTimeout = PATIENCE.callTimeout) {
  const { socket, asked } = await serve(answers, apiVersion);
  const docker = await connectEngine(socket, { ...PATIENCE, callTimeout });
  asked.length = 0;
  return { docker, asked, socket };
}

export async function thrownBy(work: Promise<unknown>): Promise<SidecryptError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (thrown instanceof SidecryptError) return thrown;
  expect.fail("should have been refused by a SidecryptError");
}
