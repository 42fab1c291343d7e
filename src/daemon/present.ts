/** The bundles that are there now, and those committed last: read, opened, and kept opened while nothing changes. */
import { dirname } from "node:path";
import { describeBundle, type Identities, looksLikeBundle, merge, open, type OpenOptions } from "../bundle/index.ts";
import { admit, loadPolicy } from "../admission.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { ErrorCode } from "../errors.ts";
import { faultOf } from "../fault.ts";
import { Keyring } from "../keys.ts";
import { asSet, findBundles, readBundle, readTemplates, refuseSingleFile } from "../source/index.ts";
import { refuseOlder, type Dated, type Signer } from "../trust/index.ts";
import type { Bundle, BundleSet, Fault, ListedBundle, Opened, Templates } from "../types.ts";
import type { Memory } from "./memory.ts";

export interface Present {
  /** Of all bundles, for people. */
  readonly path: string | null;
  /** What was read, opened or not; null: nothing could be read. */
  readonly bundles: BundleSet | null;
  /** Null: refused or missing; `fault` says why. */
  readonly opened: Opened | null;
  readonly fault: Fault | null;
  /** Of each bundle, where signatures are asked for. */
  readonly signers: readonly Signer[];
  /** Bundle and signature do not fit yet: the rest of a checkout may be on its way. */
  readonly isHalfDone: boolean;
  /** The committed sets of bundles that could be opened, by digest. */
  readonly committed: ReadonlyMap<string, Opened>;
  /** The templates that were committed with them, by volume. */
  readonly kept: ReadonlyMap<string, Templates>;
}

/** What a checkout looks like that has written one file of the two. */
const HALF_DONE: readonly ErrorCode[] = ["bundle-unsigned", "bundle-signature"];

export class Reader {
  readonly #config: Config;
  readonly #memory: Memory;
  readonly #keyring: Keyring;
  readonly #clock: Pick<Clock, "now">;
  /** What did not fit when it was read last. */
  #misfit = "";
  /** Opened bundles by the digest of their file, under the identities that opened them. */
  #cache = new Map<string, Opened>();
  #cachedFor = "";
  /** Digests of the files that were needed in this reading. */
  #used = new Set<string>();

  constructor(config: Config, memory: Memory, clock: Pick<Clock, "now">) {
    this.#config = config;
    this.#memory = memory;
    this.#keyring = new Keyring(config);
    this.#clock = clock;
  }

  /** `templates`: names of files beside the bundle, the first one of several. */
  async read(templates: Iterable<string> = []): Promise<Present> {
    let path: string | null = null;
    let bundles: BundleSet | null = null;
    let committed: ReadonlyMap<string, Opened> = new Map();
    const kept = await this.#memory.templates();
    this.#used = new Set();
    try {
      const identities = await this.#identities();
      const sets = await this.#committedSets();
      committed = await this.#openCommitted(sets, identities);
      const found = await findBundles(this.#config.bundleDir, this.#config.bundles, looksLikeBundle);
      path = found.map((one) => one.path).join(", ");
      bundles = asSet(await Promise.all(found.map(async (one) => ({ ...(await readMounted(one.path)), ...one }))));
      const signers = await this.#admit(bundles);
      const beside = await readTemplates(dirname(found[0]?.path ?? this.#config.bundleDir), templates);
      const opened = { ...(await this.#openAll(bundles, identities)), templates: beside };
      this.#refuseOlder(bundles, sets);
      this.#forgetUnused();
      this.#misfit = "";
      return { path, bundles, opened, signers, fault: null, isHalfDone: false, committed, kept };
    } catch (thrown) {
      const fault = faultOf(thrown, path ?? this.#config.bundleDir);
      const isHalfDone = this.#isHalfDone(fault, bundles);
      return { path, bundles, opened: null, signers: [], fault, isHalfDone, committed, kept };
    }
  }

  async #admit({ bundles }: BundleSet): Promise<Signer[]> {
    const policy = await loadPolicy(this.#config);
    const signers = await Promise.all(bundles.map((bundle) => admit(bundle, policy, this.#clock.now())));
    return signers.filter((signer) => signer !== null);
  }

  /** At the first reading only: what still does not fit at the next one is refused aloud. */
  #isHalfDone({ code, message }: Fault, bundles: BundleSet | null): boolean {
    const misfit = HALF_DONE.includes(code) ? `${bundles?.digest ?? ""} ${message}` : "";
    const isNew = misfit !== "" && misfit !== this.#misfit;
    this.#misfit = misfit;
    return isNew;
  }

  #refuseOlder({ bundles }: BundleSet, sets: readonly BundleSet[]): void {
    if (this.#config.allowOlder === "any") return;
    for (const bundle of bundles) {
      // One bundle is the same one under another name.
      const before = sets.flatMap((set) =>
        set.bundles.filter(({ name }) => name === bundle.name || set.bundles.length + bundles.length === 2),
      );
      refuseOlder(bundle.path, dated(bundle), before.flatMap(keptDate), this.#config.allowOlder);
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

  async #committedSets(): Promise<BundleSet[]> {
    const digests = [...new Set(Object.values(this.#memory.committed))];
    const sets = await Promise.all(digests.map((digest) => this.#memory.bundles(digest)));
    return sets.filter((set) => set !== null);
  }

  async #openCommitted(sets: readonly BundleSet[], identities: Identities): Promise<ReadonlyMap<string, Opened>> {
    const opened = new Map<string, Opened>();
    for (const set of sets) {
      const found = await this.#openAll(set, identities).catch(() => null);
      if (found !== null) opened.set(set.digest, found);
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

/** Of a bundle that was opened, now or when it was committed: only the MAC makes its time one to go by. */
function dated({ digest, bytes }: ListedBundle): Dated {
  return { digest, lastModified: describeBundle(bytes).lastModified };
}

/** None where /state is damaged: that costs the pin, never the bundle. */
function keptDate(bundle: ListedBundle): Dated[] {
  try {
    return [dated(bundle)];
  } catch {
    return [];
  }
}
