/** What is searched for, and what is said of a find: names, forms and places, never a value or anything made of one. */

/** A secret of the bundle. */
export interface Needle {
  readonly name: string;
  readonly value: Uint8Array;
}

export interface Hit {
  /** The secret's, or `shape:<kind>` for what only looks like a key or token. */
  readonly name: string;
  /** The encoding it was found in, innermost first: `raw`, `base64`, `json in base64 in gzip`. */
  readonly form: string;
  /** Bytes from the start; of something encoded, where the outermost encoded text begins. */
  readonly offset: number;
}

export interface Unchecked {
  readonly name: string;
  readonly why: string;
}

export interface SearcherOptions {
  /** Keys and tokens of well-known shapes, whoever's they are [false]. */
  readonly shapes?: boolean;
  /** MD5, SHA-1, SHA-256 and SHA-512 of each value [true]. */
  readonly digests?: boolean;
  /** Weak values are searched for anywhere, as strong ones are [false]. */
  readonly strict?: boolean;
}

export interface JsonHit extends Hit {
  /** Such as `Config.Env[3]`; of joined array items, the one that the find begins in. */
  readonly path: string;
}

/** What is to be known of a line with a find, out of its text; of a long line, out of its first 64 KiB. */
export type NoteOf = (line: string) => string | null;

export interface LineHit extends Hit {
  /** From 1. */
  readonly line: number;
  /** Of its line; null: it has none. */
  readonly note: string | null;
}

export interface Stream {
  push(chunk: Uint8Array): LineHit[];
  end(): LineHit[];
}

export interface Searcher {
  /** What is not searched for at all: too short or too common. */
  readonly unchecked: readonly Unchecked[];
  /** What is searched for only as a whole field and as NAME=value. */
  readonly weak: readonly Unchecked[];
  /** Whole text in memory; what is encoded in it is decoded and searched again. */
  search(data: Uint8Array | string): Hit[];
  /** Parsed JSON: every string, key and number, and the items of arrays joined (argv). Offsets count within the string. */
  searchJson(document: unknown): JsonHit[];
  /** Chunk by chunk with bounded memory; offsets count from the start of the stream. Only long encoded runs are decoded. */
  stream(noteOf?: NoteOf): Stream;
}
