/** The engine's own API by node:http and nothing else: what calls cost that are made by hand, and what the engine reports. */
import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { Failure } from "../scripts/demo/run.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface EngineEvent {
  readonly action: string;
  readonly id: string;
  readonly project: string;
  readonly service: string;
  /** Milliseconds since the epoch, by the engine's own clock. */
  readonly at: number;
}

interface RawEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

const ACTIONS = ["create", "kill", "die", "start"];
const NANOSECONDS = 1e6;

export class Api {
  readonly #socketPath: string;
  /** One connection, kept: opening one is no part of a call. */
  readonly #agent = new Agent({ keepAlive: true });
  readonly #events: EngineEvent[] = [];
  readonly #following: ClientRequest;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: ACTIONS }));
    this.#following = request({ socketPath, path: `/v1.41/events?filters=${filters}` }, (answer) => {
      answer.on("error", () => undefined);
      const lines = createInterface({ input: answer });
      lines.on("error", () => undefined);
      lines.on("line", (line) => {
        const { Action, Actor, timeNano } = JSON.parse(line) as RawEvent;
        const { "com.docker.compose.project": project = "", "com.docker.compose.service": service = "" } =
          Actor.Attributes;
        this.#events.push({ action: Action, id: Actor.ID, project, service, at: timeNano / NANOSECONDS });
      });
    });
    this.#following.on("error", () => undefined);
    this.#following.end();
  }

  /** Those of a project from a moment on. */
  since(moment: number, project: string): EngineEvent[] {
    return this.#events.filter((event) => event.at >= moment && event.project === project);
  }

  async get(path: string): Promise<Json> {
    return (await this.#call("GET", path)) as Json;
  }

  async post(path: string, body?: Json): Promise<Json> {
    return (await this.#call("POST", path, body)) as Json;
  }

  async remove(id: string): Promise<void> {
    await this.#call("DELETE", `/containers/${id}?force=1`);
  }

  async #call(method: string, path: string, body?: Json): Promise<unknown> {
    const payload = body === undefined ? "" : JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(payload) };
    const options = { socketPath: this.#socketPath, agent: this.#agent, method, path: `/v1.41${path}`, headers };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(options, resolve).on("error", reject).end(payload);
    });
    const chunks = (await answer.toArray()) as Buffer[];
    const text = Buffer.concat(chunks).toString();
    if ((answer.statusCode ?? 500) >= 400) throw new Failure(`${method} ${path} is refused: ${text.trim()}`);
    return text === "" ? {} : JSON.parse(text);
  }

  close(): void {
    this.#following.destroy();
    this.#agent.destroy();
  }
}
