/** What `verify` says: names, containers and places only; never a value, a part of one, its length or its bare hash. */
import type { Unchecked } from "../search/index.ts";

/** `declared`: a leak that the stack says it wants; `warning`: outside of what the Compose file decides. */
export type Severity = "leak" | "misconfigured" | "declared" | "warning";

/** A rule that was broken; a tool that reads the report goes by these. */
export type Rule =
  | "value-in-inspect"
  | "value-in-list"
  | "value-in-image"
  | "value-in-volume"
  | "value-in-network"
  | "value-in-event"
  | "value-in-exec"
  | "value-in-arguments"
  | "value-in-process-environment"
  | "value-in-log"
  | "value-in-file"
  | "key-in-sight"
  | "looks-like-a-key"
  | "weak-value"
  | "drop"
  | "consumer"
  | "not-current"
  | "sidecar"
  | "reach"
  | "engine"
  | "host";

export interface Finding {
  readonly rule: Rule;
  readonly severity: Severity;
  /** A container, an image, a volume, a network, or the engine. */
  readonly subject: string;
  /** The secret's name; null where it is about none. */
  readonly secret: string | null;
  /** Where exactly: `Config.Env[3]`, `stdout line 12`, `/tmp/dump`. */
  readonly place: string;
  /** How the value was written there, innermost first. */
  readonly form: string | null;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Something that was to be looked at and was not. */
export interface Gap {
  readonly subject: string;
  readonly what: string;
  readonly why: string;
}

export interface SelfTest {
  readonly planted: number;
  /** Places whose leak was not found. */
  readonly missed: readonly string[];
  /** Why, as far as a look at it failed. */
  readonly gaps: readonly Gap[];
}

export type Verdict = "clean" | "leak" | "misconfigured" | "incomplete";

export interface VerifyReport {
  readonly version: string;
  readonly project: string;
  /** ISO 8601. */
  readonly at: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** What could have been looked at and was not: with one of these nothing is clean. */
  readonly gaps: readonly Gap[];
  /** What no look at the engine shows, found on this stack: it is for people to know. */
  readonly limits: readonly Gap[];
  /** Secrets that are not searched for. */
  readonly unchecked: readonly Unchecked[];
  /** Secrets that are searched for only as a whole field or as NAME=value. */
  readonly weak: readonly Unchecked[];
  /** Null: it was left out. */
  readonly selfTest: SelfTest | null;
  readonly looked: Looked;
}

/** How much was looked at. */
export interface Looked {
  readonly secrets: number;
  readonly containers: number;
  readonly images: number;
  readonly volumes: number;
  readonly networks: number;
  readonly events: number;
  readonly processes: number;
  readonly files: number;
  readonly logBytes: number;
}

/** README, Exit status of `verify`. */
export const VERDICT_EXIT: Readonly<Record<Verdict, number>> = { clean: 0, leak: 1, misconfigured: 2, incomplete: 3 };

/** A leak outweighs a misconfiguration, and both what could not be looked at. */
export function verdictOf(findings: readonly Finding[], gaps: readonly Gap[], selfTest: SelfTest | null): Verdict {
  const has = (severity: Severity): boolean => findings.some((one) => one.severity === severity);
  if (has("leak")) return "leak";
  if (has("misconfigured")) return "misconfigured";
  return gaps.length > 0 || selfTest === null || selfTest.missed.length > 0 ? "incomplete" : "clean";
}
