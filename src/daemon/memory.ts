/**
 * What the world cannot hold, in /state: which bundles each drop was committed from, those bundles as ciphertext, the
 * templates beside them, the quarantine, which rolls began lately, and which the engine failed. No plaintext byte. Losing it costs memory, not correctness.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Tried } from "../plan/index.ts";
import type { BundleSet, KeptFailure, ListedBundle, Quarantine, Templates } from "../types.ts";
import { digestsOf, keepTemplates, keptTemplates, pruneTemplates, TEMPLATES } from "./kept-templates.ts";
import { Lock } from "./lock.ts";
import type { RollStart } from "./pace.ts";
import { faultSchema } from "../roll/record.ts";
import type { Tries } from "./tries.ts";
import { unwritable, writeWhole } from "./state-file.ts";

const FILE = "memory.json";
const BUNDLES = "bundles";
/** Sets of generations; the oldest are forgotten, and would be tried once more if someone went back to them. */
const QUARANTINE_LIMIT = 100;

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** As a Tried: what was tried together. */
const tried = {
  generations: z.record(z.string(), z.string()),
  names: z.array(z.string()),
  services: z.array(z.string()),
};

const schema = z.object({
  version: z.literal(1),
  /** Volume to the digest of the set of bundles that it was committed from. */
  committed: z.record(z.string(), digest),
  // A version that knew one bundle only kept none: then the digest is that of the file.
  sets: z.record(digest, z.array(z.object({ name: z.string(), digest })).min(1)).catch({}),
  /** Volume to the templates that its files were made of: file name to SHA-256. */
  templates: z.record(z.string(), z.record(z.string(), digest)).catch({}),
  quarantine: z.array(z.object({ ...tried, reason: z.string(), at: z.string() })),
  failures: z
    .array(
      z.object({
        service: z.string(),
        generation: z.string(),
        reason: z.string(),
        left: z.enum(["running", "stopped"]),
      }),
    )
    .catch([]),
  // Damaged, or of a version that kept none: an empty budget, and everything else is kept.
  rolls: z.array(z.object({ service: z.string(), at: z.number() })).catch([]),
  tries: z.array(z.object({ ...tried, count: z.number(), at: z.number(), fault: faultSchema })).catch([]),
});

type Content = z.infer<typeof schema>;

const EMPTY: Content = {
  ...{ version: 1, committed: {}, sets: {}, templates: {} },
  ...{ quarantine: [], failures: [], rolls: [], tries: [] },
};

export class Memory {
  readonly #dir: string;
  readonly #lock = new Lock();
  #content: Content;

  private constructor(dir: string, content: Content) {
    this.#dir = dir;
    this.#content = content;
  }

  /** @throws SidecryptError `state-unwritable` */
  static async load(dir: string): Promise<Memory> {
    try {
      for (const name of [BUNDLES, TEMPLATES]) await mkdir(join(dir, name), { recursive: true });
    } catch (thrown) {
      throw unwritable(dir, thrown);
    }
    const memory = new Memory(dir, await read(join(dir, FILE)));
    await memory.#save();
    return memory;
  }

  get quarantine(): readonly Quarantine[] {
    return this.#content.quarantine;
  }

  get committed(): Readonly<Record<string, string>> {
    return this.#content.committed;
  }

  /** By service, the last one. */
  get failures(): readonly KeptFailure[] {
    return this.#content.failures;
  }

  get rolls(): readonly RollStart[] {
    return this.#content.rolls;
  }

  get tries(): readonly Tries[] {
    return this.#content.tries;
  }

  /** Ciphertexts of a committed set of bundles; null: not all of them are kept any more. */
  async bundles(digest: string): Promise<BundleSet | null> {
    try {
      return { digest, bundles: await Promise.all(this.#partsOf(digest).map((part) => this.#read(part))) };
    } catch {
      return null;
    }
  }

  /** By volume, those of its commit that are still kept. */
  templates(): Promise<ReadonlyMap<string, Templates>> {
    return keptTemplates(this.#dir, this.#content.templates);
  }

  /**
   * These drops hold what these bundles say, and nobody is going back.
   * @param templates by volume, what its files were made of besides
   */
  async commit(
    volumes: readonly string[],
    { digest, bundles }: BundleSet,
    templates: ReadonlyMap<string, Templates> = new Map(),
  ): Promise<void> {
    const made = new Map(volumes.map((volume) => [volume, digestsOf(templates.get(volume))]));
    const known = (volume: string): string => JSON.stringify(this.#content.templates[volume] ?? {});
    const fresh = volumes.filter(
      (volume) => this.#content.committed[volume] !== digest || known(volume) !== JSON.stringify(made.get(volume)),
    );
    if (fresh.length === 0) return;
    for (const one of bundles) await writeWhole(this.#fileOf(one.digest), one.bytes, this.#dir);
    for (const volume of fresh) await keepTemplates(this.#dir, templates.get(volume));
    const committed = { ...this.#content.committed, ...Object.fromEntries(fresh.map((volume) => [volume, digest])) };
    const parts = bundles.map((one) => ({ name: one.name, digest: one.digest }));
    const sets = Object.entries({ ...this.#content.sets, [digest]: parts });
    const inForce = new Set(Object.values(committed));
    this.#content = {
      ...this.#content,
      committed,
      templates: { ...this.#content.templates, ...Object.fromEntries(made) },
      sets: Object.fromEntries(sets.filter(([one]) => inForce.has(one))),
    };
    await this.#save();
    await this.#prune();
  }

  /** What drops that are gone were committed from is nothing to go back to. */
  async forgetOtherDrops(volumes: readonly string[]): Promise<void> {
    const entries = Object.entries(this.#content.committed);
    const kept = entries.filter(([volume]) => volumes.includes(volume));
    if (kept.length === entries.length) return;
    const templates = Object.entries(this.#content.templates).filter(([volume]) => volumes.includes(volume));
    const rest = { committed: Object.fromEntries(kept), templates: Object.fromEntries(templates) };
    this.#content = { ...this.#content, ...rest };
    await this.#save();
    await this.#prune();
  }

  #partsOf(digest: string): readonly Pick<ListedBundle, "name" | "digest">[] {
    return this.#content.sets[digest] ?? [{ name: "", digest }];
  }

  async #read({ name, digest }: Pick<ListedBundle, "name" | "digest">): Promise<ListedBundle> {
    const path = `the bundle committed last (${digest.slice(0, 12)})`;
    return { name, path, bytes: await readFile(this.#fileOf(digest)), digest };
  }

  #fileOf(digest: string): string {
    return join(this.#dir, BUNDLES, `${digest}.enc`);
  }

  async addQuarantine(entry: Quarantine): Promise<void> {
    const copy = { ...entry, ...copyOf(entry) };
    const same = JSON.stringify(copy.generations);
    const others = this.#content.quarantine.filter((one) => JSON.stringify(one.generations) !== same);
    this.#content = { ...this.#content, quarantine: [...others, copy].slice(-QUARANTINE_LIMIT) };
    await this.#save();
  }

  /** Of services that a roll committed: what failed in an earlier one is over. */
  async setFailures(services: readonly string[], failures: readonly KeptFailure[]): Promise<void> {
    const others = this.#content.failures.filter((one) => !services.includes(one.service));
    if (failures.length === 0 && others.length === this.#content.failures.length) return;
    this.#content = { ...this.#content, failures: [...others, ...failures] };
    await this.#save();
  }

  /** Drops entries; returns the services that they named. */
  async clearQuarantine(drop: (entry: Quarantine) => boolean): Promise<string[]> {
    const cleared = this.#content.quarantine.filter(drop);
    if (cleared.length === 0) return [];
    const kept = this.#content.quarantine.filter((entry) => !cleared.includes(entry));
    this.#content = { ...this.#content, quarantine: kept };
    await this.#save();
    return [...new Set(cleared.flatMap((entry) => entry.services))].toSorted();
  }

  /** Written down before the first container is touched: a sidecar that crashes in each roll must not roll for ever. */
  async addRolls(services: readonly string[], at: number, keepMs: number): Promise<void> {
    const kept = this.#content.rolls.filter((one) => one.at > at - keepMs);
    this.#content = { ...this.#content, rolls: [...kept, ...services.map((service) => ({ service, at }))] };
    await this.#save();
  }

  async forgetRolls(drop: (roll: RollStart) => boolean): Promise<void> {
    const rolls = this.#content.rolls.filter((roll) => !drop(roll));
    if (rolls.length === this.#content.rolls.length) return;
    this.#content = { ...this.#content, rolls };
    await this.#save();
  }

  /** Those that name one of its services are over. */
  async addTries(tries: Tries): Promise<void> {
    const copy = { ...tries, ...copyOf(tries) };
    this.#content = { ...this.#content, tries: [...this.#triesWithout(copy.services), copy] };
    await this.#save();
  }

  async forgetTries(services: readonly string[]): Promise<void> {
    const tries = this.#triesWithout(services);
    if (tries.length === this.#content.tries.length) return;
    this.#content = { ...this.#content, tries };
    await this.#save();
  }

  #triesWithout(services: readonly string[]): Content["tries"] {
    return this.#content.tries.filter((one) => !one.services.some((service) => services.includes(service)));
  }

  /** One after another: two units may end in one moment, and there is one temporary file. */
  #save(): Promise<void> {
    return this.#lock.run(() => {
      const text = `${JSON.stringify(this.#content, null, 2)}\n`;
      return writeWhole(join(this.#dir, FILE), Buffer.from(text), this.#dir);
    });
  }

  async #prune(): Promise<void> {
    const parts = Object.values(this.#content.committed).flatMap((digest) => this.#partsOf(digest));
    const wanted = new Set(parts.map(({ digest }) => `${digest}.enc`));
    for (const name of await readdir(join(this.#dir, BUNDLES))) {
      if (!wanted.has(name)) await rm(join(this.#dir, BUNDLES, name), { force: true });
    }
    await pruneTemplates(this.#dir, this.#content.templates);
  }
}

/** A memory that is absent or damaged is an empty one. */
async function read(path: string): Promise<Content> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return EMPTY;
  }
}

const copyOf = ({ generations, names, services }: Tried): Pick<Content["tries"][number], keyof Tried> => ({
  generations: { ...generations },
  names: [...names],
  services: [...services],
});
