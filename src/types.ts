/**
 * The arrows of the flow: source ─Bundle→ open ─Opened→ plan ─Plan→ deliver ─Generation→ roll ─Outcome→ report.
 * Values move right only; every type is read-only.
 */
import type { ErrorCode } from "./errors.ts";

/** One SOPS file as it was read, once. */
export interface Bundle {
  /** For messages only: nothing reads the file again. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the ciphertext, hex. */
  readonly digest: string;
}

/** A bundle in its place among several. */
export interface ListedBundle extends Bundle {
  /** As SIDECRYPT_BUNDLE lists it; "": the only one of its directory. */
  readonly name: string;
}

/** All bundles of one reading, in the order of SIDECRYPT_BUNDLE; mostly one. */
export interface BundleSet {
  /** That of the only bundle; of several a SHA-256 over theirs, hex. */
  readonly digest: string;
  readonly bundles: readonly ListedBundle[];
}

/** Something worth saying that stops nothing; never holds a value. */
export interface Warning {
  /** What it is about: a secret's name, a service, a volume. */
  readonly subject: string;
  readonly message: string;
}

/** A bundle, or several as one, of which every value was decrypted and the MAC compared. */
export interface Opened {
  /** Of the bundle, or of the set. */
  readonly digest: string;
  /** Name to the exact bytes that a bot gets, in the bundle's order. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  readonly warnings: readonly Warning[];
  /** Keys the generation ids (HKDF of the age identity): nobody without it can guess a value from an id. */
  readonly fingerprintKey: Uint8Array;
  /** Read beside the bundle: those that labels name. Absent: none was looked for. */
  readonly templates?: Templates;
}

/** By file name; a fault is why one cannot be used. */
export type Templates = ReadonlyMap<string, Uint8Array | Fault>;

// ---------------------------------------------------------------- observed: what the world holds, no choices made

/** Docker's own words for a container's state. */
export type ContainerState = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

export interface ObservedMount {
  readonly volume: string;
  readonly destination: string;
  readonly writable: boolean;
}

export interface ObservedContainer {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** Compose service and replica number. */
  readonly service: string;
  readonly number: number;
  readonly oneOff: boolean;
  readonly state: ContainerState;
  /** Docker's RFC 3339 text of the last start; null: never started. */
  readonly startedAt: string | null;
  /** Exit code of a stopped container. */
  readonly exitCode: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Names only: the values of a configured environment are nobody's business. */
  readonly environmentNames: readonly string[];
  readonly mounts: readonly ObservedMount[];
  readonly hasHealthcheck: boolean;
  /** It runs, and the engine's own health check says that it does not work. */
  readonly isUnhealthy: boolean;
  /** The engine starts it again by itself: "no" tells a job from a service. */
  readonly restartPolicy: string;
  /**
   * The id of the container that this one was made to replace, while that one still exists: then this one is a
   * candidate of a roll and that one its backup. Null otherwise.
   */
  readonly replaces: string | null;
  /** It is the kept old container of a roll that has not committed. */
  readonly isBackup: boolean;
  /** Ids of containers whose network, pid or ipc namespace it lives in: without them it cannot start (H34). */
  readonly namespacesOf: readonly string[];
  /** Ids of containers that it has `volumes_from`: a copy of it cannot be made without them (H20). */
  readonly volumesOf: readonly string[];
  /** Why no copy of it can run beside it (H44): a host port, a fixed address; null: one can. */
  readonly soleReason: string | null;
}

export interface SeenEntry {
  /** Full container id. */
  readonly container: string;
  /** Docker's text of the start at which it had the generation before it. */
  readonly startedAt: string;
  readonly generation: string;
}

/** A generation as it stands on a drop. */
export interface Delivered {
  readonly id: string;
  /** When `..data` was flipped to it, milliseconds since the epoch. */
  readonly deliveredAt: number;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A memory-backed volume that the sidecar can write to. */
export interface ObservedDrop {
  readonly volume: string;
  /** Where the sidecar has it, e.g. /drops/bot1. */
  readonly path: string;
  readonly current: Delivered | null;
  /** The generation committed last, while a newer one is not committed yet. */
  readonly previous: Delivered | null;
  readonly seen: readonly SeenEntry[];
  /** Why nothing may be written to it: not memory-backed, a second writer, options that differ. */
  readonly fault: Fault | null;
}

export interface Observed {
  /** The sidecar's own Compose service; its container is not among `containers`. */
  readonly self: { readonly project: string; readonly service: string };
  /** Every container of the sidecar's Compose project but its own, in every state. */
  readonly containers: readonly ObservedContainer[];
  readonly drops: readonly ObservedDrop[];
}

/** A fault of the bundle or of one consumer: refuses, never throws through the daemon. */
export interface Fault {
  readonly code: ErrorCode;
  /** A service, a volume or a file. */
  readonly subject: string;
  readonly message: string;
  readonly hint: string | undefined;
}

// ---------------------------------------------------------------- memory: what the world cannot hold (/state)

export interface Quarantine {
  /** Volume to generation id: the set that failed together. In force while every one of them is still wanted. */
  readonly generations: Readonly<Record<string, string>>;
  /** Secrets whose change failed, by name in the bundle: a unit that shares one is held back. */
  readonly names: readonly string[];
  readonly services: readonly string[];
  /** One line without a value. */
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** A consumer that failed its gate and stays all the same, since its `on-failure` says so. */
export interface KeptFailure {
  readonly service: string;
  /** What its drop holds: in force while it still does. */
  readonly generation: string;
  readonly reason: string;
  /** What was done with the container. */
  readonly left: "running" | "stopped";
}

// ---------------------------------------------------------------- plan: a value that prints as text

/** What one drop shall hold. */
export interface Generation {
  readonly volume: string;
  /** Keyed hash of names and values; the delivered id where the bytes are the delivered ones. */
  readonly id: string;
  /** File name to bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Digest of the bundle that the values came from; null: taken from the drop itself. */
  readonly bundleDigest: string | null;
}

export type OnChange =
  | { readonly kind: "recreate" | "restart" | "none" }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "exec"; readonly command: string };

/** What proves that a container works. */
export interface Proving {
  readonly service: string;
  readonly probe: string | null;
  /** Milliseconds; null: derived from the container's own healthcheck. */
  readonly healthTimeout: number | null;
  /** Milliseconds of steady running that prove a container with no healthcheck. */
  readonly settle: number;
}

/** A Compose service that asks for secrets, its labels parsed. */
export interface Consumer extends Proving {
  readonly volume: string;
  /** Every container of the service that counts (no one-offs or backups), by number; none for a completed job. */
  readonly containers: readonly ObservedContainer[];
  /** Services that must come first: depends_on and sidecrypt.after, the sidecar left out. */
  readonly after: readonly string[];
  readonly onChange: OnChange;
  readonly order: "stop-first" | "start-first";
  /** What becomes of a container that fails its gate. */
  readonly onFailure: "rollback" | "keep" | "stop";
  /** Neither healthcheck nor probe: a roll proves nothing but that it runs. */
  readonly unproven: boolean;
  /** File name to the secret's name in the bundle, over all its containers. */
  readonly asks: ReadonlyMap<string, string>;
  /** Names of the templates beside the bundle that its files are made of. */
  readonly templates: readonly string[];
}

/** Put a generation on its drop; nobody needs replacing for it. */
export interface DeliverStep {
  readonly generation: Generation;
  /** Running containers that keep what they have: their own files do not change. Marked as seen before the flip. */
  readonly adopt: readonly SeenEntry[];
  readonly cause: string;
}

/** Restart in place: the drop was emptied under a running consumer; there is no way back to take. */
export interface RefreshStep {
  readonly consumer: Consumer;
  readonly containers: readonly ObservedContainer[];
  /** They live in its namespaces, which a restart takes from them (H34): restarted after it. */
  readonly children: readonly ObservedContainer[];
  readonly generation: Generation;
  /** Order along depends_on, 0 first; equal waves together. */
  readonly wave: number;
  readonly cause: string;
}

export interface RollStep {
  readonly consumer: Consumer;
  /** The running containers that are not current. */
  readonly containers: readonly ObservedContainer[];
  /** Servers before clients, 0 first; equal waves together. */
  readonly wave: number;
  readonly cause: string;
  /** Services of the same unit that it may not run beside while they are replaced: it is stopped before them. */
  readonly follows: readonly string[];
}

/** A container whose own secrets do not change, and that cannot stay as it is while another one is replaced (H34, H38). */
export interface FollowStep {
  readonly proving: Proving;
  readonly container: ObservedContainer;
  /** `rejoin`: made anew, in the namespaces or with the volumes of the successor; `restart`: stopped, and started after. */
  readonly how: "rejoin" | "restart";
  readonly follows: readonly string[];
  readonly wave: number;
  readonly cause: string;
}

/** Commits together or goes back together. */
export interface Unit {
  readonly steps: readonly RollStep[];
  readonly followers: readonly FollowStep[];
  readonly deliveries: readonly DeliverStep[];
  /** Names in the bundle whose change is being rolled. */
  readonly names: readonly string[];
  /** Volume to the id that it holds once the unit has committed, also of drops that were flipped before a kill. */
  readonly generations: Readonly<Record<string, string>>;
}

/** A unit that is not rolled now, and why. */
export interface HeldUnit {
  readonly kind: "quarantined" | "held";
  readonly services: readonly string[];
  /** Volume to generation id that it would get. */
  readonly generations: Readonly<Record<string, string>>;
  readonly reason: string;
}

/** A consumer that is refused: its last good generation stays. */
export interface Refusal {
  readonly services: readonly string[];
  readonly fault: Fault;
}

export interface Plan {
  readonly deliveries: readonly DeliverStep[];
  readonly refreshes: readonly RefreshStep[];
  readonly units: readonly Unit[];
  readonly held: readonly HeldUnit[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Warning[];
  /** Every consumer that was understood, refused or not, by service. */
  readonly consumers: readonly Consumer[];
}

// ---------------------------------------------------------------- outcome

export interface MemberOutcome {
  readonly service: string;
  /** Ids before and after; equal for a restart. */
  readonly before: string;
  readonly after: string;
  /** From the stop call to the new container's start, milliseconds. */
  readonly downtime: number;
  readonly unproven: boolean;
  /** Why its gate failed, where `on-failure` says that this takes nothing back; null: it passed. */
  readonly failure: string | null;
  /** What became of it then. */
  readonly left: "running" | "stopped";
  /** On its drop; null: it has none. */
  readonly generation: string | null;
}

export type Outcome =
  | { readonly kind: "committed"; readonly members: readonly MemberOutcome[] }
  /** A gate failed: everything is back, and this set of generations is not tried again. */
  | { readonly kind: "rolled-back"; readonly fault: Fault }
  /**
   * Not the generation's fault (shutdown, a full drop, no engine): everything is back, and it is tried again. `isCostly`:
   * only a few times, since the engine failed it once containers had been stopped for it.
   */
  | { readonly kind: "undone"; readonly fault: Fault; readonly isCostly: boolean }
  /** The way back failed too: both containers are kept and nothing more is tried. */
  | { readonly kind: "stuck"; readonly fault: Fault };
