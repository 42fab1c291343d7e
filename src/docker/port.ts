/**
 * The narrow interface to the engine that observe, roll and verify use, with our own types. HTTP details (304 on stop,
 * API versions, query strings) stay in the adapter. Every call throws SidecryptError: `docker-unreachable` where no
 * engine answers, `docker-forbidden` where it refuses us, `docker-refused` with the engine's reason otherwise.
 */
import type { ContainerState } from "../types.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface Health {
  readonly status: "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** The last few, oldest first; Docker keeps five. */
  readonly checks: readonly {
    /** Milliseconds since the epoch. */ readonly startedAt: number;
    readonly exitCode: number;
  }[];
}

/** One row of the container list: enough to find who is who without inspecting the whole host. */
export interface ListedContainer {
  readonly id: string;
  readonly state: ContainerState;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly volume: string; readonly writable: boolean }[];
}

export interface Mount {
  readonly type: string;
  /** Volume name; "" for binds. */
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly writable: boolean;
}

/** An inspect answer: what decisions need, parsed, and the raw parts that a faithful copy passes through. */
export interface Inspected {
  readonly id: string;
  readonly name: string;
  /** Image id; `config.Image` is the reference that it was made from. */
  readonly image: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly state: ContainerState;
  /** Null: never started. */
  readonly startedAt: string | null;
  readonly exitCode: number;
  readonly restartCount: number;
  readonly health: Health | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly environment: readonly string[];
  readonly mounts: readonly Mount[];
  readonly restartPolicy: string;
  readonly config: Json;
  readonly hostConfig: Json;
  /** Endpoint settings by network name, as inspect gives them. */
  readonly networks: Readonly<Record<string, Json>>;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** "" where the architecture has none. */
  readonly variant: string;
}

export interface Image {
  readonly id: string;
  /** Null or empty: the image has none. */
  readonly entrypoint: readonly string[] | null;
  readonly platform: Platform;
}

export interface CreateBody {
  /** Config at the top level, HostConfig and NetworkingConfig beneath: what `POST /containers/create` takes. */
  readonly body: Json;
  /** Networks to connect before the start, where the API takes only one in create (H28). */
  readonly connect: readonly { readonly network: string; readonly endpoint: Json }[];
  /** Of the image, where it is not the engine's own (H12). */
  readonly platform?: Platform;
}

/** A path of a container's writable layer, against its image. */
export interface ChangedPath {
  readonly path: string;
  readonly kind: "modified" | "added" | "deleted";
}

/** A path in a container, symbolic links not followed. */
export interface PathStat {
  /** Neither directory nor link, socket, pipe or device. */
  readonly isFile: boolean;
  readonly isSocket: boolean;
  readonly size: number;
  /** Permissions with set-user-id, set-group-id and sticky, as the engine writes them. */
  readonly mode: number;
  /** RFC 3339; without a fraction where it is a whole second. */
  readonly modified: string;
}

export interface Archived {
  readonly stat: PathStat;
  /** A tar of that one path, named by its last part. */
  readonly tar: Uint8Array;
}

export interface ContainerEvent {
  /** create, start, die, kill, stop, destroy, rename, "health_status: healthy", … */
  readonly action: string;
  readonly container: string;
  /** The container's labels, and what the engine adds: `signal` (a number) of a kill, `exitCode` of a die. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface EventOptions {
  /** Compose's name of the only one whose containers are told of. */
  readonly project?: string;
  /** Called when the stream is there. */
  readonly opened?: () => void;
}

export interface DockerPort {
  /** What the engine runs on, and takes of an image of several. */
  readonly platform: Platform;
  /** Negotiated: the engine's newest, capped at the newest that was tested. E.g. "1.41". */
  readonly apiVersion: string;
  /**
   * Asked when the sidecar is told to end: false where the engine is ending too. Other calls wait for the answer, and
   * all fail as `docker-unreachable` after a false.
   */
  stays(): Promise<boolean>;
  list(): Promise<readonly ListedContainer[]>;
  /** Null: no such container. */
  inspect(id: string): Promise<Inspected | null>;
  /** Null: no such image. */
  image(reference: string): Promise<Image | null>;
  /** The volume's driver options; null: no such volume, or it has none. */
  volumeOptions(volume: string): Promise<Readonly<Record<string, string>> | null>;
  /** Returns the new container's id. */
  create(name: string, spec: CreateBody): Promise<string>;
  start(id: string): Promise<void>;
  /** With the container's own signal and timeout; already stopped is fine. */
  stop(id: string): Promise<void>;
  restart(id: string): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  setRestartPolicy(id: string, policy: Json): Promise<void>;
  /** Its named volumes stay (`v=false`); gone already is fine. */
  remove(id: string): Promise<void>;
  /** Runs a command to its end and returns its exit code; its output is dropped unread. */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<number>;
  /** What differs in the writable layer (H17), directories and mount points among it. */
  changes(id: string): Promise<readonly ChangedPath[]>;
  /** Null: no such path. */
  statPath(id: string, path: string): Promise<PathStat | null>;
  /** Where a symbolic link of a container's points; null: no such path, or no link. */
  linkTarget(id: string, path: string): Promise<string | null>;
  /** Null: no such path. */
  readArchive(id: string, path: string): Promise<Archived | null>;
  /** Extracts at `/`, with the owners that stand in it; directories that are missing are made. */
  writeArchive(id: string, tar: Uint8Array): Promise<void>;
  /** What changes a container. Ends when `signal` aborts; throws when the connection breaks. */
  events(signal: AbortSignal, options?: EventOptions): AsyncIterable<ContainerEvent>;
}
