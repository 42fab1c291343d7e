/** The daemon beside us, over its control socket. */
import { join } from "node:path";
import { parseConfig } from "../config.ts";
import { callControl, CONTROL_SOCKET, type Reply, type Verb } from "../control/index.ts";
import { SECOND } from "../duration.ts";
import type { Io } from "./io.ts";

/** A plan observes the engine first; the others answer from memory. */
const TIMEOUTS: Readonly<Record<Verb, number>> = {
  health: 3 * SECOND,
  status: 5 * SECOND,
  plan: 30 * SECOND,
  retry: 10 * SECOND,
};

export function callDaemon<V extends Verb>(io: Io, verb: V, argument: string | null = null): Promise<Reply<V>> {
  return callControl(join(parseConfig(io.env).stateDir, CONTROL_SOCKET), verb, argument, TIMEOUTS[verb]);
}
