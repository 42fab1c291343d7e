/**
 * Stands between a sidecar and its engine, on a socket of its own: counts the sidecar's calls, and at one of them does
 * what a bad day does. Before and after that call everything passes.
 */
import { mkdtemp, rm } from "node:fs/promises";
import {
  Agent,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `…-before`: the engine never gets to see the call; `…-after`: it has carried it out. `hold` keeps the call back until
 * `release`, and passes it on then.
 */
export type Trouble = "409" | "500" | `${"drop" | "hang" | "kill"}-${"before" | "after"}` | "hold";

export interface Fault {
  /** From 1, since it was armed. */
  readonly n: number;
  readonly trouble: Trouble;
  /** Which calls count: those that change something, or those that only look. */
  readonly among: "changes" | "reads";
}

export class FaultProxy {
  /** What the sidecar mounts in place of the engine's. */
  readonly socket: string;
  /** Since it was armed: `POST stop`, `GET json`, … */
  calls: string[] = [];
  /** The call that the trouble came to; null: none so far. */
  struck: string | null = null;
  /** Ends the sidecar's process. */
  kill: () => Promise<void> = () => Promise.reject(new Error("nobody to kill"));
  /** What the engine is told in place of a call's body. */
  alter: (call: string, body: Buffer) => Buffer = (_, body) => body;
  readonly #directory: string;
  readonly #engine: string;
  /** By the sidecar's connection: a new one is a new one to the engine too, which may take none any more. */
  readonly #agents = new WeakMap<Socket, Agent>();
  readonly #server: Server;
  #fault: Fault | null = null;
  #release: () => void = () => undefined;
  #onStruck: () => void = () => undefined;

  private constructor(engine: string, directory: string) {
    this.#engine = engine;
    this.#directory = directory;
    this.socket = join(directory, "docker.sock");
    this.#server = createServer((incoming, outgoing) => {
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    });
    this.#server.on("upgrade", (incoming: IncomingMessage, socket, head: Buffer) => {
      this.#upgrade(incoming, socket, head);
    });
    // The engine closes no idle connection either: what breaks here breaks on purpose.
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
  }

  static async start(engineSocket: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(engineSocket, await mkdtemp(join(tmpdir(), "sc-e2e-proxy-")));
    await new Promise<void>((resolve) => proxy.#server.listen(proxy.socket, resolve));
    return proxy;
  }

  async close(): Promise<void> {
    this.#release();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Counts from 1 again; null: counts only. */
  arm(fault: Fault | null): void {
    this.#fault = fault;
    this.calls = [];
    this.struck = null;
  }

  /** The armed call has come. */
  untilStruck(): Promise<void> {
    if (this.struck !== null) return Promise.resolve();
    return new Promise((resolve) => (this.#onStruck = resolve));
  }

  /** Lets the held call go on. */
  release(): void {
    this.#release();
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = this.alter(nameOf(incoming), await bytesOf(incoming));
    const trouble = this.#count(incoming);
    if (trouble === null) {
      this.#pass(incoming, outgoing, body);
    } else if (trouble === "hold") {
      await new Promise<void>((resolve) => (this.#release = resolve));
      this.#pass(incoming, outgoing, body);
    } else if (trouble === "409" || trouble === "500") {
      outgoing.writeHead(Number(trouble), { "content-type": "application/json" });
      outgoing.end(JSON.stringify({ message: "a bad day" }));
    } else {
      if (trouble.endsWith("-after")) await this.#carryOut(incoming, body);
      if (trouble.startsWith("kill")) await this.kill();
      // What hangs is let go when the other side gives up.
      if (!trouble.startsWith("hang")) incoming.socket.destroy();
    }
  }

  /** The trouble that this call meets. */
  #count(incoming: IncomingMessage): Trouble | null {
    const isRead = incoming.method === "GET" || incoming.method === "HEAD";
    if ((isRead ? "reads" : "changes") !== (this.#fault?.among ?? "changes")) return null;
    this.calls.push(nameOf(incoming));
    if (this.#fault?.n !== this.calls.length) return null;
    this.struck = this.calls.at(-1) ?? "";
    this.#onStruck();
    return this.#fault.trouble;
  }

  #send(incoming: IncomingMessage, body: Buffer) {
    const { method, url: path } = incoming;
    const headers: OutgoingHttpHeaders = { ...incoming.headers, "content-length": body.length };
    // Of the other connection; the body has been read to its end.
    for (const name of ["connection", "transfer-encoding"]) Reflect.deleteProperty(headers, name);
    const agent = this.#agentOf(incoming.socket);
    const call = request({ socketPath: this.#engine, agent, method, path, headers });
    call.end(body);
    return call;
  }

  #agentOf(client: Socket): Agent {
    const known = this.#agents.get(client);
    if (known !== undefined) return known;
    const agent = new Agent({ keepAlive: true });
    this.#agents.set(client, agent);
    client.once("close", () => {
      agent.destroy();
    });
    return agent;
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): void {
    const call = this.#send(incoming, body);
    call.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      // A stream of events may have nothing to say for long.
      outgoing.flushHeaders();
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    call.on("error", () => outgoing.destroy());
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) call.destroy();
    });
  }

  #carryOut(incoming: IncomingMessage, body: Buffer): Promise<void> {
    const call = this.#send(incoming, body);
    return new Promise((resolve, reject) => {
      call.on("error", reject);
      call.on("response", (answer) => {
        bytesOf(answer).then(() => {
          resolve();
        }, reject);
      });
    });
  }

  /** An attached exec: bytes both ways, from here on. */
  #upgrade(incoming: IncomingMessage, client: Duplex, head: Buffer): void {
    const engine = connect(this.#engine);
    const lines = [`${incoming.method ?? ""} ${incoming.url ?? ""} HTTP/1.1`];
    for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
      lines.push(`${incoming.rawHeaders[i] ?? ""}: ${incoming.rawHeaders[i + 1] ?? ""}`);
    }
    engine.write(`${lines.join("\r\n")}\r\n\r\n`);
    engine.write(head);
    engine.pipe(client).pipe(engine);
    engine.on("error", () => client.destroy());
    client.on("error", () => engine.destroy());
  }
}

/** `POST stop`, `GET json`, … */
function nameOf({ method = "", url = "/" }: IncomingMessage): string {
  const last = new URL(url, "http://engine").pathname.split("/").at(-1) ?? "";
  return `${method} ${last.replace(/^[0-9a-f]{64}$/, "container")}`;
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
