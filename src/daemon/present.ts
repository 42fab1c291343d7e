/** The bundle that is there now, and those committed last: read, opened, and kept opened while nothing changes. */
import { type Identities, looksLikeBundle, open, type OpenOptions } from "../bundle/index.ts";
import type { Config } from "../config.ts";
import { faultOf } from "../fault.ts";
import { loadIdentities } from "../keys.ts";
import { findBundle, readBundle, refuseSingleFile } from "../source/index.ts";
import type { Bundle, Fault, Opened } from "../types.ts";
import type { Memory } from "./memory.ts";

export interface Present {
  readonly path: string | null;
  /** What was read, opened or not; null: nothing could be read. */
  readonly bundle: Bundle | null;
  /** Null: refused or missing; `fault` says why. */
  readonly opened: Opened | null;
  readonly fault: Fault | null;
  /** The committed bundles that could be opened, by digest. */
  readonly committed: ReadonlyMap<string, Opened>;
}

export class Reader {
  readonly #config: Config;
  readonly #memory: Memory;
  /** Opened bundles by digest, under the identities that opened them. */
  #cache = new Map<string, Opened>();
  #cachedFor = "";

  constructor(config: Config, memory: Memory) {
    this.#config = config;
    this.#memory = memory;
  }

  async read(): Promise<Present> {
    let path: string | null = null;
    let bundle: Bundle | null = null;
    let committed: ReadonlyMap<string, Opened> = new Map();
    try {
      const identities = await this.#identities();
      committed = await this.#openCommitted(identities);
      path = await findBundle(this.#config.bundleDir, this.#config.bundle, looksLikeBundle);
      await refuseSingleFile(path);
      bundle = await readBundle(path);
      const opened = await this.#open(bundle, identities);
      this.#forget(new Set([bundle.digest, ...committed.keys()]));
      return { path, bundle, opened, fault: null, committed };
    } catch (thrown) {
      return { path, bundle, opened: null, fault: faultOf(thrown, path ?? this.#config.bundleDir), committed };
    }
  }

  /** Every value that is known now, for the filter on what leaves. */
  *values(): Iterable<Uint8Array> {
    for (const opened of this.#cache.values()) yield* opened.secrets.values();
  }

  async #identities(): Promise<Identities> {
    const identities = await loadIdentities(this.#config.keyFile);
    // Other identities may open other bundles, and key other ids.
    const key = Buffer.from(identities.fingerprintKey).toString("hex");
    if (key !== this.#cachedFor) this.#cache = new Map();
    this.#cachedFor = key;
    return identities;
  }

  async #openCommitted(identities: Identities): Promise<ReadonlyMap<string, Opened>> {
    const opened = new Map<string, Opened>();
    for (const digest of new Set(Object.values(this.#memory.committed))) {
      const bundle = this.#cache.has(digest) ? null : await this.#memory.bundle(digest);
      const found = bundle === null ? this.#cache.get(digest) : await this.#open(bundle, identities).catch(() => null);
      if (found !== null && found !== undefined) opened.set(digest, found);
    }
    return opened;
  }

  async #open(bundle: Bundle, identities: Identities): Promise<Opened> {
    const cached = this.#cache.get(bundle.digest);
    if (cached !== undefined) return cached;
    const options: OpenOptions = { allowEmpty: this.#config.allowEmpty, dotenv: this.#config.dotenv };
    const opened = await open(bundle, identities, options);
    this.#cache.set(bundle.digest, opened);
    return opened;
  }

  #forget(wanted: ReadonlySet<string>): void {
    for (const digest of this.#cache.keys()) if (!wanted.has(digest)) this.#cache.delete(digest);
  }
}
