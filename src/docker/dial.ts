/** One call to the engine, and what becomes of its failure. */
import type Docker from "dockerode";
import * as z from "zod";
import { SidecryptError, systemCode } from "../errors.ts";
import { EngineLost, type Patience, within } from "./patience.ts";
import type { Json } from "./port.ts";

export interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** A tar, in place of a body. */
  readonly file?: Uint8Array;
  /** The answer is the response itself, its body unread. */
  readonly stream?: boolean;
  /** Milliseconds that a container may take before the engine can answer. */
  readonly grace?: number;
}

/** The engine said no; `status` is its HTTP answer. */
export class EngineRefusal extends SidecryptError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(status === 401 || status === 403 ? "docker-forbidden" : "docker-refused", message);
    this.status = status;
  }
}

export function dial(docker: Docker, request: Request, socketPath: string, patience: Patience): Promise<unknown> {
  const what = `${request.method} ${request.path}`;
  return within(patience.clock, patience.callTimeout, shortened(what), (late) => {
    const options = {
      // docker-modem appends the query only after a "?", and drops a trailing one.
      path: `${request.path}?`,
      method: request.method,
      options: { _query: request.query ?? {}, _body: request.body ?? {} },
      abortSignal: late,
      ...(request.file === undefined ? {} : { file: Buffer.from(request.file) }),
      ...(request.stream === true ? { isStream: true } : {}),
      statusCodes: { 200: true, 201: true, 204: true, 304: true },
    };
    return new Promise((resolve, reject) => {
      docker.modem.dial(options, (error: unknown, data: unknown) => {
        if (error === null) resolve(data);
        else reject(toEngineError(error, what, socketPath, request.body));
      });
    });
  });
}

const shortened = (what: string): string => what.replace(/[0-9a-f]{64}/, (id) => id.slice(0, 12));

const REASON_LIMIT = 300;
const WITHHELD = "for a reason that repeats the container's environment, and is not shown";
/** Below it, words of any sentence. */
const SHORTEST_WITHHELD = 6;

export function toEngineError(error: unknown, what: string, socketPath: string, body: unknown = null): SidecryptError {
  const refusal = z.object({ statusCode: z.number(), json: z.unknown() }).safeParse(error);
  if (refusal.success) {
    const reason = z.object({ message: z.string() }).safeParse(refusal.data.json).data?.message ?? "no reason given";
    const said = repeatsEnvironment(reason, body) ? WITHHELD : reason.slice(0, REASON_LIMIT);
    const text = `the engine refused ${shortened(what)}: ${said}`;
    return new EngineRefusal(refusal.data.statusCode, text);
  }
  return unreachable(systemCode(error), socketPath);
}

/** A container's environment holds secrets that no bundle of ours has, so that nothing else would take them out of a message. */
function repeatsEnvironment(reason: string, body: unknown): boolean {
  const { data } = z.object({ Env: z.array(z.string()) }).safeParse(body);
  const values = (data?.Env ?? []).map((entry) => entry.slice(entry.indexOf("=") + 1));
  return values.some((value) => value.length >= SHORTEST_WITHHELD && reason.includes(value));
}

function unreachable(code: string | null, socketPath: string): SidecryptError {
  if (code === "EACCES" || code === "EPERM") {
    return new SidecryptError(
      "docker-forbidden",
      `not permitted to open the engine's socket ${socketPath}`,
      'run the sidecar as uid 0 (without capabilities), or add the socket\'s group: group_add: ["<gid of docker>"]',
    );
  }
  if (code === "ENOENT") {
    return new EngineLost(
      `there is no socket at ${socketPath}`,
      "mount it: - ${DOCKER_SOCK:-/var/run/docker.sock}:/var/run/docker.sock",
    );
  }
  return new EngineLost(`no engine answers at ${socketPath} (${code ?? "connection lost"})`);
}
