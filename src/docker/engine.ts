/**
 * DockerPort on dockerode. Everything goes through its modem's `dial` with explicit query and body: dockerode's own
 * createContainer puts the body into the URL where `_query` is missing, and dockerd's debug log prints URLs.
 */
import Docker from "dockerode";
import { stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import * as z from "zod";
import { isUp } from "../container-state.ts";
import { SidecryptError } from "../errors.ts";
import { COMPOSE_PROJECT } from "./compose-labels.ts";
import { dial, EngineRefusal, type Request, toEngineError } from "./dial.ts";
import { readEvents } from "./events.ts";
import { parse, parseChanges, parseImage, parseInspect, parseLinkTarget, parseList, parseStat } from "./inspect.ts";
import { Parting } from "./parting.ts";
import { becomes, EngineLost, type Patience, settle, within } from "./patience.ts";
import type {
  Archived,
  ChangedPath,
  ContainerEvent,
  CreateBody,
  DockerPort,
  EventOptions,
  Image,
  Inspected,
  Json,
  ListedContainer,
  PathStat,
  Platform,
} from "./port.ts";

/** Below it the daemon alters what we send (H49); above it nothing was tried. */
export const OLDEST_API = 41;
export const NEWEST_API = 51;

/** Seconds that the engine gives a container to stop where the container does not say. */
const STOP_TIMEOUT = 10;

/**
 * Not the three events of each exec, and so of each health check. The engine takes them for the beginnings of names as
 * soon as `health_status` is among them, whose result is part of the name (moby daemon/events/filter.go).
 */
const CHANGES = [
  ...["create", "start", "restart", "stop", "die", "kill", "oom", "destroy"],
  ...["rename", "update", "pause", "unpause", "health_status"],
];

/** Here and not where they are used: making a schema costs more than many parses. */
const made = z.object({ Id: z.string() });
const volumes = z.object({ Options: z.record(z.string(), z.string()).nullish() });
const execution = z.object({ Running: z.boolean(), ExitCode: z.number().nullable() });
const timeout = z.number().nonnegative();

/** @throws SidecryptError `docker-unreachable`, `docker-forbidden`, `docker-too-old` */
export async function connectEngine(socketPath: string, patience: Patience): Promise<DockerPort> {
  await refuseDirectory(socketPath);
  const unversioned = new Docker({ socketPath });
  const answer = await dial(unversioned, { method: "GET", path: "/version" }, socketPath, patience);
  const version = z.object({ ApiVersion: z.string(), Os: z.string().default(""), Arch: z.string().default("") });
  const { ApiVersion, Os, Arch } = parse(version, answer, "version");
  const platform = { os: Os, architecture: Arch, variant: "" };
  return new Engine(socketPath, negotiate(ApiVersion), platform, patience);
}

/** Docker makes a directory where the source of a bind mount is missing (setup.md, a trap). */
async function refuseDirectory(socketPath: string): Promise<void> {
  const found = await stat(socketPath).catch(() => null);
  if (found?.isDirectory() !== true) return;
  throw new SidecryptError(
    "docker-unreachable",
    `${socketPath} is a directory: no engine listened there when the container was made`,
    `on the host: rmdir the directory, start the engine, and docker compose up -d --force-recreate the sidecar`,
  );
}

/** The highest version that both know. Docker's API versions are all 1.x. */
export function negotiate(theirs: string): string {
  const minor = Number(/^1\.(\d+)$/.exec(theirs)?.[1]);
  if (!(minor >= OLDEST_API)) {
    throw new SidecryptError(
      "docker-too-old",
      `the engine speaks API ${theirs}, needed is 1.${OLDEST_API} (Docker 20.10)`,
    );
  }
  return `1.${Math.min(minor, NEWEST_API)}`;
}

class Engine implements DockerPort {
  readonly apiVersion: string;
  readonly platform: Platform;
  readonly #socketPath: string;
  readonly #docker: Docker;
  readonly #patience: Patience;
  readonly #parting = new Parting();

  constructor(socketPath: string, apiVersion: string, platform: Platform, patience: Patience) {
    this.apiVersion = apiVersion;
    this.platform = platform;
    this.#socketPath = socketPath;
    this.#docker = new Docker({ socketPath, version: `v${apiVersion}` });
    this.#patience = patience;
  }

  stays(): Promise<boolean> {
    return this.#parting.ask(this.#socketPath, this.#patience);
  }

  async list(): Promise<readonly ListedContainer[]> {
    return parseList(await this.#call({ method: "GET", path: "/containers/json", query: { all: "1" } }));
  }

  async inspect(id: string): Promise<Inspected | null> {
    const answer = await this.#orNull({ method: "GET", path: `/containers/${id}/json` });
    return answer === null ? null : parseInspect(answer);
  }

  async image(reference: string): Promise<Image | null> {
    const answer = await this.#orNull({ method: "GET", path: `/images/${reference}/json` });
    return answer === null ? null : parseImage(answer);
  }

  async volumeOptions(volume: string): Promise<Readonly<Record<string, string>> | null> {
    const answer = await this.#orNull({ method: "GET", path: `/volumes/${encodeURIComponent(volume)}` });
    return answer === null ? null : (parse(volumes, answer, "volume inspect").Options ?? null);
  }

  async create(name: string, spec: CreateBody): Promise<string> {
    const query = { name, ...(spec.platform === undefined ? {} : { platform: platformText(spec.platform) }) };
    const Id = await settle(
      this.#patience.clock,
      async () => {
        const answer = await this.#call({ method: "POST", path: "/containers/create", query, body: spec.body });
        return parse(made, answer, "container create").Id;
      },
      () => this.#findOwn(name, spec.body),
    );
    try {
      for (const { network, endpoint } of spec.connect) await this.#connect(network, Id, endpoint);
    } catch (thrown) {
      // Half a candidate must not squat the name (H5).
      await this.remove(Id);
      throw thrown;
    }
    return Id;
  }

  /** The container of this name, where it has every label that it was to be made with: a stranger has not. */
  async #findOwn(name: string, body: Json): Promise<string | null> {
    const found = await this.inspect(name);
    const labels = Object.entries((body["Labels"] ?? {}) as Json);
    return found !== null && labels.every(([key, value]) => found.labels[key] === value) ? found.id : null;
  }

  async #connect(network: string, container: string, endpoint: Json): Promise<void> {
    const body = { Container: container, EndpointConfig: endpoint };
    const path = `/networks/${encodeURIComponent(network)}/connect`;
    await this.#act({ method: "POST", path, body }, async () => {
      return (await this.inspect(container))?.networks[network] !== undefined;
    });
  }

  async start(id: string): Promise<void> {
    await this.#act({ method: "POST", path: `/containers/${id}/start` }, async () => {
      return (await this.inspect(id))?.state === "running";
    });
  }

  async stop(id: string): Promise<void> {
    const grace = graceOf(await this.inspect(id));
    const isDown = async (): Promise<boolean> => {
      const now = await this.inspect(id);
      return now === null || !isUp(now);
    };
    // Told again while it shuts down, many a process gives up at once: it gets its time first.
    await this.#act({ method: "POST", path: `/containers/${id}/stop`, grace }, () => this.#becomes(grace, isDown));
  }

  async restart(id: string): Promise<void> {
    const before = await this.inspect(id);
    const grace = graceOf(before);
    const isNew = async (): Promise<boolean> => {
      const now = await this.inspect(id);
      return now?.state === "running" && now.startedAt !== before?.startedAt;
    };
    await this.#act({ method: "POST", path: `/containers/${id}/restart`, grace }, () => this.#becomes(grace, isNew));
  }

  /** Sent again where the answer was lost: nothing shows whether a signal has arrived, and one too few leaves old files in use. */
  async kill(id: string, signal: string): Promise<void> {
    const isDown = async (): Promise<boolean> => signal === "KILL" && (await this.inspect(id))?.state !== "running";
    await this.#act({ method: "POST", path: `/containers/${id}/kill`, query: { signal } }, isDown);
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#act({ method: "POST", path: `/containers/${id}/rename`, query: { name } }, async () => {
      return (await this.inspect(id))?.name === name;
    });
  }

  async setRestartPolicy(id: string, policy: Json): Promise<void> {
    await this.#act({ method: "POST", path: `/containers/${id}/update`, body: { RestartPolicy: policy } }, async () => {
      return (await this.inspect(id))?.restartPolicy === policy["Name"];
    });
  }

  async remove(id: string): Promise<void> {
    const isGone = async (): Promise<boolean> => {
      const now = await this.inspect(id);
      return now === null || now.state === "removing";
    };
    const request: Request = { method: "DELETE", path: `/containers/${id}`, query: { v: "0", force: "0" } };
    await this.#act(request, isGone).catch(async (thrown: unknown) => {
      if (!(thrown instanceof EngineRefusal)) throw thrown;
      // Gone already, or somebody else is removing it (H7).
      if (thrown.status !== 404 && !(thrown.status === 409 && (await isGone()))) throw thrown;
    });
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<number> {
    const { clock } = this.#patience;
    const until = clock.now() + timeoutMs;
    const body = { AttachStdout: true, AttachStderr: true, Cmd: command };
    const create = (): Promise<unknown> => this.#call({ method: "POST", path: `/containers/${id}/exec`, body });
    // One that nobody starts does nothing, so that it may be made twice.
    const created = await settle(clock, create, () => Promise.resolve(null));
    const { Id } = parse(made, created, "exec create");
    // Attached, so that the answer ends when the command does.
    const start = (): Promise<unknown> =>
      this.#within(timeoutMs, { method: "POST", path: `/exec/${Id}/start`, body: { Detach: false } });
    const isKnown = async (): Promise<true | null> => ((await this.#execState(Id)) === "not started" ? null : true);
    await settle(clock, start, isKnown);
    let state = await this.#execState(Id);
    await this.#becomes(until - clock.now(), async () => (state = await this.#execState(Id)) !== "running");
    return typeof state === "number" ? state : -1;
  }

  async #execState(exec: string): Promise<number | "running" | "not started"> {
    const answer = await this.#call({ method: "GET", path: `/exec/${exec}/json` });
    const seen = parse(execution, answer, "exec inspect");
    if (seen.Running) return "running";
    return seen.ExitCode ?? "not started";
  }

  async changes(id: string): Promise<readonly ChangedPath[]> {
    const answer = await this.#orNull({ method: "GET", path: `/containers/${id}/changes` });
    // No change is a JSON null, which docker-modem passes on as bytes.
    return parseChanges(Buffer.isBuffer(answer) ? null : answer);
  }

  async statPath(id: string, path: string): Promise<PathStat | null> {
    const header = await this.#statHeader(id, path);
    return header === null ? null : parseStat(header);
  }

  async linkTarget(id: string, path: string): Promise<string | null> {
    const header = await this.#statHeader(id, path);
    return header === null ? null : parseLinkTarget(header);
  }

  async #statHeader(id: string, path: string): Promise<unknown> {
    const response = await this.#archive("HEAD", id, path);
    response?.resume();
    return response === null ? null : response.headers[STAT_HEADER];
  }

  async readArchive(id: string, path: string): Promise<Archived | null> {
    const response = await this.#archive("GET", id, path);
    if (response === null) return null;
    const stat = statOf(response);
    try {
      return { stat, tar: Buffer.concat(await response.toArray()) };
    } catch (thrown) {
      throw toEngineError(thrown, `GET /containers/${id}/archive`, this.#socketPath);
    }
  }

  async #archive(method: "GET" | "HEAD", id: string, path: string): Promise<IncomingMessage | null> {
    const request: Request = { method, path: `/containers/${id}/archive`, query: { path }, stream: true };
    return (await this.#orNull(request)) as IncomingMessage | null;
  }

  async writeArchive(id: string, tar: Uint8Array): Promise<void> {
    // Not copyUIDGID: it gives every file to the container's user, looked up on the host.
    await this.#call({ method: "PUT", path: `/containers/${id}/archive`, query: { path: "/" }, file: tar });
  }

  async *events(signal: AbortSignal, { project, opened }: EventOptions = {}): AsyncIterable<ContainerEvent> {
    const label = project === undefined ? {} : { label: [`${COMPOSE_PROJECT}=${project}`] };
    const filters = JSON.stringify({ type: ["container"], event: CHANGES, ...label });
    const options = { path: "/events?", method: "GET", options: { filters }, isStream: true, abortSignal: signal };
    const open = (): Promise<Readable> =>
      new Promise((resolve, reject) => {
        this.#docker.modem.dial({ ...options, statusCodes: { 200: true } }, (error: unknown, data: unknown) => {
          if (error === null) resolve(data as Readable);
          else reject(toEngineError(error, "events", this.#socketPath));
        });
      });
    const { clock, callTimeout } = this.#patience;
    const stream = await within(clock, callTimeout, "events", open);
    opened?.();
    try {
      yield* readEvents(stream, signal);
    } catch (thrown) {
      throw toEngineError(thrown, "events", this.#socketPath);
    }
  }

  /** A call that only looks is made again where its answer was lost, or was that the engine has failed. */
  #call(request: Request): Promise<unknown> {
    const ms = this.#patience.callTimeout + (request.grace ?? 0);
    const once = (): Promise<unknown> => this.#within(ms, request);
    if (request.method !== "GET" && request.method !== "HEAD") return once();
    return settle(this.#patience.clock, once, () => Promise.resolve(null), isPassing);
  }

  async #within(ms: number, request: Request): Promise<unknown> {
    await this.#parting.check();
    return dial(this.#docker, request, this.#socketPath, { ...this.#patience, callTimeout: ms });
  }

  /** Something that is done once at most: `isDone` says whether it is. */
  async #act(request: Request, isDone: () => Promise<boolean>): Promise<void> {
    await settle(
      this.#patience.clock,
      () => this.#call(request),
      async () => ((await isDone()) ? true : null),
    );
  }

  #becomes(ms: number, isSo: () => Promise<boolean>): Promise<boolean> {
    return becomes(this.#patience.clock, ms, isSo);
  }

  async #orNull(request: Request): Promise<unknown> {
    try {
      return await this.#call(request);
    } catch (thrown) {
      if (thrown instanceof EngineRefusal && thrown.status === 404) return null;
      throw thrown;
    }
  }
}

function isPassing(thrown: unknown): boolean {
  return thrown instanceof EngineLost || (thrown instanceof EngineRefusal && thrown.status >= 500);
}

const STAT_HEADER = "x-docker-container-path-stat";
const statOf = (response: IncomingMessage): PathStat => parseStat(response.headers[STAT_HEADER]);

function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== "").join("/");
}

/** What a container gets to end before the engine kills it, in milliseconds. */
function graceOf(container: Inspected | null): number {
  const seconds = timeout.safeParse(container?.config["StopTimeout"]).data ?? STOP_TIMEOUT;
  return seconds * 1000;
}
