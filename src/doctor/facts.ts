/** What the machine and the engine say about a stack; what could not be asked is absent, and told as not looked at. */
import type { Fault } from "../types.ts";

export interface PathFact {
  readonly kind: "file" | "directory" | "socket" | "other" | "missing";
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface Process {
  readonly uid: number;
  readonly gid: number;
}

export interface Facts {
  /** Sources of the sidecar's binds and of Compose's secrets in it, on the host. */
  readonly paths: ReadonlyMap<string, PathFact>;
  /** Options of volumes as Docker keeps them; one that is not there does not exist yet. */
  readonly volumes: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Running processes by service, as the engine's host sees them. */
  readonly processes: ReadonlyMap<string, readonly Process[]>;
  /** By service: targets of mounts that are the engine's socket, or hold it, whatever they are called. */
  readonly sockets: ReadonlyMap<string, readonly string[]>;
  /** Of the bundle; null: not known. */
  readonly names: readonly string[] | null;
  /** `6.1.0-18-amd64`; null: not known. */
  readonly kernel: string | null;
  readonly swap: boolean | null;
  /** What the sidecar's own code says of key, bundle, socket and drops. */
  readonly faults: readonly Fault[];
  /** Each with why: `volumes: the engine does not answer`. */
  readonly unasked: readonly { readonly subject: string; readonly why: string }[];
}

export const NO_FACTS: Facts = {
  paths: new Map(),
  volumes: new Map(),
  processes: new Map(),
  sockets: new Map(),
  names: null,
  kernel: null,
  swap: null,
  faults: [],
  unasked: [],
};
