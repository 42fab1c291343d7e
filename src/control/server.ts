/**
 * The daemon's end of the control socket: HTTP over a unix socket in the state directory, for its owner only. Takes
 * handlers, returns a way to close; never lets an error of a handler out other than as a reply.
 */
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { umask } from "node:process";
import { SidecryptError, systemCode, toSidecryptError } from "../errors.ts";
import { encodeError, isVerb, METHODS, type ControlHandlers, type Verb } from "./protocol.ts";

export interface ControlServer {
  /** Ends calls under way; the socket is gone afterwards. */
  close(): Promise<void>;
}

/** A health check, a person or two, a script: more at once is a mistake. */
const MAX_CONNECTIONS = 16;
const MAX_HEADER_BYTES = 8 * 1024;
const HEADERS_TIMEOUT = 5_000;
/** sun_path of Linux, less its final NUL. */
const MAX_SOCKET_PATH = 107;

export async function serveControl(options: {
  readonly path: string;
  readonly handlers: ControlHandlers;
}): Promise<ControlServer> {
  const { path, handlers } = options;
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH)
    throw unusable(path, `its path is longer than ${MAX_SOCKET_PATH} bytes`);
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT, requestTimeout: HEADERS_TIMEOUT },
    (request, response) => void answer(request, response, handlers),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await claim(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Listens, in place of a socket that a killed daemon left behind; a daemon that lives is never displaced. */
async function claim(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path);
  } catch (thrown) {
    if (systemCode(thrown) !== "EADDRINUSE") throw unusable(path, cause(thrown));
    if (await isAlive(path)) throw alreadyServed(path);
    await rm(path, { force: true });
    await listen(server, path).catch((again: unknown) => {
      throw unusable(path, cause(again));
    });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // bind() happens inside listen(): there is no moment at which others could connect.
    const before = umask(0o177);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
    umask(before);
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

function unusable(path: string, why: string): SidecryptError {
  return new SidecryptError(
    "state-unwritable",
    `cannot listen on ${path}: ${why}`,
    "is SIDECRYPT_STATE a volume that the sidecar can write to?",
  );
}

function cause(thrown: unknown): string {
  const code = systemCode(thrown) ?? "unknown error";
  // libuv says EACCES for a directory that does not exist, too.
  return code === "EACCES" || code === "EROFS" ? "its directory is not there or cannot be written to" : code;
}

function alreadyServed(path: string): SidecryptError {
  return new SidecryptError(
    "state-unwritable",
    `another sidecrypt serves ${path}`,
    "each sidecar needs a state volume of its own; is the service scaled to two?",
  );
}

async function answer(request: IncomingMessage, response: ServerResponse, handlers: ControlHandlers): Promise<void> {
  request.resume();
  response.setHeader("content-type", "application/json");
  try {
    const { verb, argument } = parseRequest(request);
    response.end(JSON.stringify(await dispatch(verb, argument, handlers)));
  } catch (thrown) {
    response.statusCode = 500;
    response.end(encodeError(toSidecryptError(thrown)));
  }
}

function parseRequest({ method, url }: IncomingMessage): { verb: Verb; argument: string | null } {
  const { pathname, searchParams } = new URL(url ?? "/", "http://control");
  const verb = pathname.slice(1);
  if (!isVerb(verb) || METHODS[verb] !== method)
    throw new SidecryptError("usage", "the daemon does not know this call");
  return { verb, argument: searchParams.get("service") };
}

function dispatch(verb: Verb, argument: string | null, handlers: ControlHandlers): unknown {
  return verb === "retry" ? handlers.retry(argument) : handlers[verb]();
}
