/** The bundles that are there now, and those committed last: read, opened, and kept opened while nothing changes. */
import { type Identities, looksLikeBundle, merge, open, type OpenOptions } from "../bundle/index.ts";
import type { Config } from "../config.ts";
import { faultOf } from "../fault.ts";
import { Keyring } from "../keys.ts";
import { asSet, findBundles, readBundle, refuseSingleFile } from "../source/index.ts";
import type { Bundle, BundleSet, Fault, Opened } from "../types.ts";
import type { Memory } from "./memory.ts";

export interface Present {
  /** Of all bundles, for people. */
  readonly path: string | null;
  /** What was read, opened or not; null: nothing could be read. */
  readonly bundles: BundleSet | null;
  /** Null: refused or missing; `fault` says why. */
  readonly opened: Opened | null;
  readonly fault: Fault | null;
  /** The committed sets of bundles that could be opened, by digest. */
  readonly committed: ReadonlyMap<string, Opened>;
}

export class Reader {
  readonly #config: Config;
  readonly #memory: Memory;
  readonly #keyring: Keyring;
  /** Opened bundles by the digest of their file, under the identities that opened them. */
  #cache = new Map<string, Opened>();
  #cachedFor = "";
  /** Digests of the files that were needed in this reading. */
  #used = new Set<string>();

  constructor(config: Config, memory: Memory) {
    this.#config = config;
    this.#memory = memory;
    this.#keyring = new Keyring(config);
  }

  async read(): Promise<Present> {
    let path: string | null = null;
    let bundles: BundleSet | null = null;
    let committed: ReadonlyMap<string, Opened> = new Map();
    this.#used = new Set();
    try {
      const identities = await this.#identities();
      committed = await this.#openCommitted(identities);
      const found = await findBundles(this.#config.bundleDir, this.#config.bundles, looksLikeBundle);
      path = found.map((one) => one.path).join(", ");
      bundles = asSet(await Promise.all(found.map(async (one) => ({ ...(await readMounted(one.path)), ...one }))));
      const opened = await this.#openAll(bundles, identities);
      this.#forgetUnused();
      return { path, bundles, opened, fault: null, committed };
    } catch (thrown) {
      return { path, bundles, opened: null, fault: faultOf(thrown, path ?? this.#config.bundleDir), committed };
    }
  }

  /** Every value that is known now, for the filter on what leaves. */
  *values(): Iterable<Uint8Array> {
    for (const opened of this.#cache.values()) yield* opened.secrets.values();
  }

  async #identities(): Promise<Identities> {
    const identities = await this.#keyring.load();
    // Other identities may open other bundles, and key other ids.
    const key = Buffer.from(identities.fingerprintKey).toString("hex");
    if (key !== this.#cachedFor) this.#cache = new Map();
    this.#cachedFor = key;
    return identities;
  }

  async #openCommitted(identities: Identities): Promise<ReadonlyMap<string, Opened>> {
    const opened = new Map<string, Opened>();
    for (const digest of new Set(Object.values(this.#memory.committed))) {
      const bundles = await this.#memory.bundles(digest);
      const found = bundles === null ? null : await this.#openAll(bundles, identities).catch(() => null);
      if (found !== null) opened.set(digest, found);
    }
    return opened;
  }

  async #openAll({ digest, bundles }: BundleSet, identities: Identities): Promise<Opened> {
    const parts: { bundle: Bundle; opened: Opened }[] = [];
    for (const bundle of bundles) parts.push({ bundle, opened: await this.#open(bundle, identities) });
    const [first] = parts;
    return first !== undefined && parts.length === 1 ? first.opened : merge(digest, parts);
  }

  async #open(bundle: Bundle, identities: Identities): Promise<Opened> {
    this.#used.add(bundle.digest);
    const cached = this.#cache.get(bundle.digest);
    if (cached !== undefined) return cached;
    const options: OpenOptions = { allowEmpty: this.#config.allowEmpty, dotenv: this.#config.dotenv };
    const opened = await open(bundle, identities, options);
    this.#cache.set(bundle.digest, opened);
    return opened;
  }

  #forgetUnused(): void {
    for (const digest of this.#cache.keys()) if (!this.#used.has(digest)) this.#cache.delete(digest);
  }
}

async function readMounted(path: string): Promise<Bundle> {
  await refuseSingleFile(path);
  return readBundle(path);
}
