/**
 * Answers that do not come. The engine goes on with a call whose connection broke or whose time ran out (H15), so that
 * a call that changes something is never simply made again: what it was to bring about is looked at first.
 */
import type { Clock } from "../clock.ts";
import { SidecryptError } from "../errors.ts";

export interface Patience {
  readonly clock: Clock;
  /** Milliseconds for an answer, on top of what a container may take to stop. */
  readonly callTimeout: number;
}

/** No answer: nobody listens, the connection broke, or the time ran out. The call may have been carried out. */
export class EngineLost extends SidecryptError {
  constructor(message: string, hint?: string) {
    super("docker-unreachable", message, hint);
  }
}

/** It will not answer again in the time that the sidecar has. */
export class EngineEnds extends EngineLost {
  constructor() {
    super("the engine takes no new connection: it is shutting down");
  }
}

/** Milliseconds before a call is made again. */
const PAUSES = [200, 1_000];
const LOOK_EVERY = 200;

/**
 * Calls, and calls again where the answer was lost and `look` does not find it done. A refusal of the first call is an
 * answer; one of a later call may only say that the first has been carried out.
 *
 * @param isPassing what of the first call is no answer
 */
export async function settle<T>(
  clock: Clock,
  call: () => Promise<T>,
  look: () => Promise<T | null>,
  isPassing = isLost,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (thrown) {
      if (thrown instanceof EngineEnds || (tries === 0 && !isPassing(thrown))) throw thrown;
      const found = await look().catch(nullIfLost);
      if (found !== null) return found;
      const pause = PAUSES[tries];
      if (pause === undefined) throw thrown;
      await clock.sleep(pause);
    }
  }
}

const isLost = (thrown: unknown): boolean => thrown instanceof EngineLost;

function nullIfLost(thrown: unknown): null {
  if (isLost(thrown)) return null;
  throw thrown;
}

/** Looks until it is so, for this long at most. */
export async function becomes(clock: Clock, ms: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const until = clock.now() + ms;
  for (;;) {
    if (await isSo()) return true;
    if (clock.now() >= until) return false;
    await clock.sleep(LOOK_EVERY);
  }
}

/** Fails as lost when `work` has no answer within this time, and aborts it. */
export function within<T>(clock: Clock, ms: number, what: string, work: (late: AbortSignal) => Promise<T>): Promise<T> {
  const answered = new AbortController();
  const late = new AbortController();
  return new Promise<T>((resolve, reject) => {
    work(late.signal).then(resolve, reject);
    // The sleep ends with the answer: a timer that outlived it would hold on to the whole of it.
    void clock.sleep(ms, answered.signal).then(() => {
      if (answered.signal.aborted) return;
      reject(new EngineLost(`the engine did not answer ${what} within ${Math.ceil(ms / 1000)}s`));
      late.abort();
    });
  }).finally(() => {
    answered.abort();
  });
}
