/** What a scan says: names, forms and places, never a value or anything made of one. */

/** Where bytes come from that are looked through once, in order. */
export interface Source {
  /** A path, `REVISION:path` as git shows it, or what else tells a person where to look. */
  readonly place: string;
  /** All of it at once, good until the next is asked for; null: it is too large. */
  readonly whole?: () => Uint8Array | null;
  /** Chunks of any size; each may stand where the one before stood, so whoever keeps one copies it. */
  readonly read: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** It can be read more than once: a file. */
  readonly again: boolean;
}

export interface Finding {
  /** Of the secret, or `shape:<kind>`. */
  readonly name: string;
  /** The encoding, or `in its name` where the path itself holds it. */
  readonly form: string;
  readonly place: string;
  /** The first few, from 1; empty: it is the place itself. */
  readonly lines: readonly number[];
  /** How often it stands there. */
  readonly count: number;
  /** The line to paste, where there is one. */
  readonly hint?: string;
}

export interface Allowed extends Finding {
  readonly reason: string;
}

export interface NotChecked {
  readonly place: string;
  readonly why: string;
}

export type ScopeName = "files" | "stdin" | "git" | "staged" | "compose";

export interface Scope {
  readonly name: ScopeName;
  /** Files, objects of git, or services that were looked through. */
  readonly checked: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
  /** Worth a look, and no failure. */
  readonly warnings: readonly Finding[];
  readonly allowed: readonly Allowed[];
  /** It makes the answer incomplete. */
  readonly notChecked: readonly NotChecked[];
}

export interface ScanReport {
  readonly scopes: readonly Scope[];
  /** Names that no scope looked for, or only in exact places, each with why. */
  readonly unsearched: readonly NotChecked[];
}
