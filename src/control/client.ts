/** The commands' end of the control socket: one call, one reply or one error, within a time. */
import { request } from "node:http";
import { SidecryptError, systemCode } from "../errors.ts";
import { decodeReply, METHODS, type Reply, type Verb } from "./protocol.ts";

/** A status of thousands of consumers is smaller. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024;

export async function callControl<V extends Verb>(
  path: string,
  verb: V,
  argument: string | null,
  timeoutMs: number,
): Promise<Reply<V>> {
  const query = argument === null ? "" : `?service=${encodeURIComponent(argument)}`;
  return decodeReply(verb, await exchange(path, METHODS[verb], `/${verb}${query}`, timeoutMs));
}

function exchange(socketPath: string, method: string, path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (thrown: unknown): void => {
      reject(unreachable(socketPath, thrown, signal.aborted, timeoutMs));
    };
    const call = request({ socketPath, method, path, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MAX_REPLY_BYTES) call.destroy(new Error("too large"));
      });
      response.on("end", () => {
        resolve(Buffer.concat(chunks).toString());
      });
      response.on("error", fail);
    });
    call.on("error", fail);
    call.end();
  });
}

function unreachable(path: string, thrown: unknown, timedOut: boolean, timeoutMs: number): SidecryptError {
  const inside = "run it inside the sidecar's container: docker compose exec secrets sidecrypt status";
  if (timedOut) {
    return new SidecryptError(
      "daemon-unreachable",
      `the daemon on ${path} did not answer within ${timeoutMs / 1000}s`,
      "docker compose logs secrets shows what it is doing",
    );
  }
  const code = systemCode(thrown) ?? "no reply";
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return new SidecryptError("daemon-unreachable", `no daemon listens on ${path}`, inside);
  }
  return new SidecryptError("daemon-unreachable", `the call on ${path} failed: ${code}`, inside);
}
