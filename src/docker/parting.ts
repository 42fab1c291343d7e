/**
 * An engine that is told to end stops listening first, and then its containers; meanwhile it goes on answering on the
 * connections that it has (dockerd 20.10, cmd/dockerd/daemon.go). What is started then outlives it, and its successor
 * ends it and counts it as stopped by a person: nobody would start it again. So the sidecar, told to end itself, asks
 * whether the engine stays before it makes another call.
 */
import { get } from "node:http";
import { EngineEnds, type Patience, within } from "./patience.ts";

/**
 * Milliseconds for an answer. Under systemd the socket outlives the engine: a call waits there for the next one. On a
 * host that is short of everything a ping takes seconds, and a bot stays down if that is taken for an end.
 */
const PING_TIMEOUT = 10_000;

export class Parting {
  #stays: Promise<boolean> = Promise.resolve(true);

  /** Calls wait for the answer, and fail from then on where the engine ends. */
  ask(socketPath: string, { clock }: Patience): Promise<boolean> {
    const asked = within(clock, PING_TIMEOUT, "_ping", (late) => ping(socketPath, late));
    this.#stays = asked.catch(() => false);
    return this.#stays;
  }

  /** @throws EngineEnds */
  async check(): Promise<void> {
    if (!(await this.#stays)) throw new EngineEnds();
  }
}

/** On a connection of its own. */
function ping(socketPath: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path: "/_ping", agent: false, signal }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on("error", reject);
  });
}
