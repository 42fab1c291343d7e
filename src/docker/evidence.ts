/**
 * What the engine shows to everyone who may ask it, raw and whole: `verify` searches all of it, fields that nobody
 * decides by included. Reads only. Apart from DockerPort, so that the daemon's interface stays as narrow as its need.
 */
import Docker from "dockerode";
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { readFileFromTar } from "./tar.ts";
import { readTar } from "./tar-stream.ts";
import { dial, EngineRefusal, type Request, toEngineError } from "./dial.ts";
import { parse, parseStat } from "./inspect.ts";
import { type LogPiece, readLog } from "./log-frames.ts";
import { type Patience, settle } from "./patience.ts";
import type { Json } from "./port.ts";

/** What `ps` on the engine's host says: one row a process, one cell a title. */
export interface ProcessTable {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type FileEvidence =
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large"; readonly size: number }
  /** A directory, link, socket, pipe or device; or nothing at all. */
  | { readonly kind: "none" };

/** Every call throws what DockerPort's calls throw; null: the engine has no such thing. */
export interface Evidence {
  info(): Promise<Json>;
  version(): Promise<Json>;
  /** Every container of the engine, in every state, as its list shows it. */
  containers(): Promise<readonly Json[]>;
  container(id: string): Promise<Json | null>;
  image(id: string): Promise<Json | null>;
  history(id: string): Promise<readonly Json[] | null>;
  /** What `docker save` writes: a tar, the layers in it. */
  archive(image: string): AsyncIterable<Uint8Array>;
  volume(name: string): Promise<Json | null>;
  /** @param label `NAME=value`; without: every volume of the engine */
  volumes(label?: string): Promise<readonly Json[]>;
  network(id: string): Promise<Json | null>;
  networks(label: string): Promise<readonly Json[]>;
  /** An exec instance; its environment is in no answer of the engine. */
  execution(id: string): Promise<Json | null>;
  /** @param options of `ps`, such as `eww` */
  top(id: string, options: string): Promise<ProcessTable>;
  /** @param since seconds since the epoch; without: from its beginning */
  log(id: string, isTerminal: boolean, since?: number): AsyncIterable<LogPiece>;
  /** What the engine still remembers between two times, in seconds since the epoch. */
  events(since: number, until: number): Promise<readonly Json[]>;
  /** A file of a container, symbolic links not followed; at most so many bytes of it. */
  file(id: string, path: string, limit: number): Promise<FileEvidence>;
  /** What is too large for that, as it comes; nothing where there is no file. */
  content(id: string, path: string): AsyncIterable<Uint8Array>;
}

const record = z.record(z.string(), z.unknown());
const records = z.array(record);
const table = z
  .object({ Titles: z.array(z.string()), Processes: z.array(z.array(z.string())).nullish() })
  .transform((raw): ProcessTable => ({ titles: raw.Titles, rows: raw.Processes ?? [] }));

/** Headers of the one file in an archive: ustar, pax with its records, two blocks of zeros. */
const ARCHIVE_OVERHEAD = 64 * 1024;
/** The engine remembers 256 events (moby daemon/events), of a few kilobytes of labels each. */
const MOST_EVENT_BYTES = 16 * 1024 * 1024;
/** Milliseconds: the engine writes all of an image to its disk before it answers with the first byte. */
const EXPORT_TIME = 600_000;

/** @param apiVersion as the port has negotiated it */
export function openEvidence(socketPath: string, apiVersion: string, patience: Patience): Evidence {
  return new EngineEvidence(socketPath, apiVersion, patience);
}

class EngineEvidence implements Evidence {
  readonly #docker: Docker;
  readonly #socketPath: string;
  readonly #patience: Patience;

  constructor(socketPath: string, apiVersion: string, patience: Patience) {
    this.#docker = new Docker({ socketPath, version: `v${apiVersion}` });
    this.#socketPath = socketPath;
    this.#patience = patience;
  }

  info = (): Promise<Json> => this.#get(record, "/info");
  version = (): Promise<Json> => this.#get(record, "/version");
  containers = (): Promise<readonly Json[]> => this.#get(records, "/containers/json", { all: "1" });
  container = (id: string): Promise<Json | null> => this.#orNull(record, `/containers/${id}/json`);
  image = (id: string): Promise<Json | null> => this.#orNull(record, `/images/${id}/json`);
  history = (id: string): Promise<readonly Json[] | null> => this.#orNull(records, `/images/${id}/history`);
  volume = (name: string): Promise<Json | null> => this.#orNull(record, `/volumes/${encodeURIComponent(name)}`);
  network = (id: string): Promise<Json | null> => this.#orNull(record, `/networks/${encodeURIComponent(id)}`);
  execution = (id: string): Promise<Json | null> => this.#orNull(record, `/exec/${id}/json`);

  async volumes(label?: string): Promise<readonly Json[]> {
    const listed = z.object({ Volumes: records.nullish() });
    const query = label === undefined ? {} : { filters: JSON.stringify({ label: [label] }) };
    return (await this.#get(listed, "/volumes", query)).Volumes ?? [];
  }

  networks(label: string): Promise<readonly Json[]> {
    return this.#get(records, "/networks", { filters: JSON.stringify({ label: [label] }) });
  }

  top(id: string, options: string): Promise<ProcessTable> {
    return this.#get(table, `/containers/${id}/top`, { ps_args: options });
  }

  async *archive(image: string): AsyncIterable<Uint8Array> {
    const request = { path: `/images/${image}/get` };
    const callTimeout = Math.max(this.#patience.callTimeout, EXPORT_TIME);
    yield* this.#pieces(await this.#open(request, { ...this.#patience, callTimeout }), request.path);
  }

  async *log(id: string, isTerminal: boolean, since?: number): AsyncIterable<LogPiece> {
    // `details` adds what `log-opt env` and `labels` put beside each line.
    const all = { stdout: "1", stderr: "1", details: "1" };
    const query = since === undefined ? all : { ...all, since: since.toFixed(3) };
    yield* readLog(this.#stream(`/containers/${id}/logs`, query), isTerminal);
  }

  async events(since: number, until: number): Promise<readonly Json[]> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.#stream("/events", { since: String(since), until: String(until) })) {
      size += piece.length;
      if (size > MOST_EVENT_BYTES) throw new EngineRefusal(200, "the engine's events have no end");
      pieces.push(piece);
    }
    const lines = Buffer.concat(pieces).toString().split("\n");
    return lines.filter((line) => line.trim() !== "").map((line) => parse(record, fromJson(line), "events"));
  }

  async file(id: string, path: string, limit: number): Promise<FileEvidence> {
    const request = { path: `/containers/${id}/archive`, query: { path } };
    const response = await this.#open(request).catch(nullWhere404);
    if (response === null) return { kind: "none" };
    const stat = parseStat(response.headers["x-docker-container-path-stat"]);
    if (!stat.isFile || stat.size > limit) {
      response.destroy();
      return stat.isFile ? { kind: "too-large", size: stat.size } : { kind: "none" };
    }
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.#pieces(response, request.path)) {
      size += piece.length;
      // It has grown since.
      if (size > limit + ARCHIVE_OVERHEAD) return { kind: "too-large", size };
      pieces.push(piece);
    }
    const file = readFileFromTar(Buffer.concat(pieces));
    return file === null ? { kind: "none" } : { kind: "file", bytes: file.content };
  }

  async *content(id: string, path: string): AsyncIterable<Uint8Array> {
    for await (const { isFile, body } of readTar(this.#stream(`/containers/${id}/archive`, { path }))) {
      if (isFile) yield* body;
    }
  }

  async #get<T>(schema: z.ZodType<T>, path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const once = (): Promise<unknown> => this.#dial({ method: "GET", path, query });
    return parse(schema, await settle(this.#patience.clock, once, () => Promise.resolve(null)), path);
  }

  #orNull<T>(schema: z.ZodType<T>, path: string): Promise<T | null> {
    return this.#get(schema, path).catch(nullWhere404);
  }

  async *#stream(path: string, query: Readonly<Record<string, string>>): AsyncIterable<Uint8Array> {
    yield* this.#pieces(await this.#open({ path, query }), path);
  }

  async #open(request: Pick<Request, "path" | "query">, patience = this.#patience): Promise<IncomingMessage> {
    return (await this.#dial({ method: "GET", stream: true, ...request }, patience)) as IncomingMessage;
  }

  /** Each piece within the time that an answer may take: a stream that stalls must not hang the whole. */
  async *#pieces(response: IncomingMessage, path: string): AsyncIterable<Uint8Array> {
    const { clock, callTimeout } = this.#patience;
    const ended = new AbortController();
    let due = clock.now() + callTimeout;
    void (async () => {
      while (!ended.signal.aborted && clock.now() < due) await clock.sleep(due - clock.now(), ended.signal);
      if (!ended.signal.aborted) response.destroy(Object.assign(new Error("stalled"), { code: "ETIMEDOUT" }));
    })();
    try {
      for await (const piece of response) {
        due = clock.now() + callTimeout;
        yield piece as Uint8Array;
      }
    } catch (thrown) {
      throw toEngineError(thrown, `GET ${path}`, this.#socketPath);
    } finally {
      ended.abort();
      response.destroy();
    }
  }

  #dial(request: Request, patience = this.#patience): Promise<unknown> {
    return dial(this.#docker, request, this.#socketPath, patience);
  }
}

function nullWhere404(thrown: unknown): null {
  if (thrown instanceof EngineRefusal && thrown.status === 404) return null;
  throw thrown;
}

function fromJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
