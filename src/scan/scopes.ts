/** Each scope: what it looks at, and what it found there. */
import { shapeOf, type Searcher } from "../search/index.ts";
import { systemCode } from "../errors.ts";
import type { Ignored } from "./allowance.ts";
import { filesBelow, placeBelow, readIgnoreFile } from "./files.ts";
import { commitOf, historyOf, isShallow, stagedIn, topOf } from "./git.ts";
import { configOf, credentialsIn, isPartial } from "./git-config.ts";
import { readObjects, type Wanted } from "./git-objects.ts";
import type { GitOptions } from "./git-process.ts";
import { look } from "./look.ts";
import type { Allowed, Finding, NotChecked, Scope, ScopeName, Source } from "./types.ts";

class Tally {
  readonly #name: ScopeName;
  readonly #searcher: Searcher;
  readonly #findings: Finding[] = [];
  readonly #allowed: Allowed[] = [];
  readonly #notChecked: NotChecked[] = [];
  readonly #warnings: Finding[] = [];
  #checked = 0;
  #bytes = 0;

  constructor(name: ScopeName, searcher: Searcher) {
    this.#name = name;
    this.#searcher = searcher;
  }

  /** `rename` tells more of the place of what was found than was known before. */
  async look(source: Source, rename?: () => Promise<string>): Promise<void> {
    try {
      const { bytes, findings, allowed, fault } = await look(source, this.#searcher);
      this.#checked += 1;
      this.#bytes += bytes;
      const isTold = findings.length + allowed.length > 0 || fault !== null;
      const place = isTold && rename !== undefined ? await rename() : source.place;
      this.#findings.push(...findings.map((one) => ({ ...one, place })));
      this.#allowed.push(...allowed.map((one) => ({ ...one, place })));
      if (fault !== null) this.notChecked({ place, why: fault });
    } catch (thrown) {
      const code = systemCode(thrown);
      if (code === null) throw thrown;
      // Gone since its directory was listed: there is nothing to look at.
      if (code === "ENOENT" && source.again) return;
      this.notChecked({ place: source.place, why: `cannot be read: ${code}` });
    }
  }

  /** What a tool keeps on this machine alone, a login among it, is worth a look; a value of the bundle is a find. */
  async lookLocal(source: Source, more: readonly Finding[]): Promise<void> {
    const before = this.#findings.length;
    await this.look(source);
    const all = this.#findings.splice(before);
    this.#findings.push(...all.filter(({ name }) => shapeOf(name) === null));
    this.#warnings.push(...more, ...all.filter(({ name }) => shapeOf(name) !== null));
  }

  notChecked(one: NotChecked): void {
    this.#notChecked.push(one);
  }

  /** Left out on purpose, with a reason. */
  ignored({ place, why }: NotChecked): void {
    this.#allowed.push({ name: "anything", form: "any", place, lines: [], count: 0, reason: why });
  }

  scope(): Scope {
    const [name, checked, bytes] = [this.#name, this.#checked, this.#bytes];
    return {
      ...{ name, checked, bytes, findings: this.#findings, warnings: this.#warnings },
      ...{ allowed: this.#allowed, notChecked: this.#notChecked },
    };
  }
}

export interface FileOptions {
  readonly ignored: Ignored;
  /** Where the ignore file stands. */
  readonly root: string;
  /** It holds the key, as it must. */
  readonly keyFile: string;
}

export async function scanFiles(
  paths: readonly string[],
  searcher: Searcher,
  { ignored, root, keyFile }: FileOptions,
): Promise<Scope> {
  const tally = new Tally("files", searcher);
  for (const path of paths) {
    const key = await placeBelow(path, keyFile);
    for (const found of filesBelow(path, ignored, root)) {
      if (found.notChecked !== null) tally.notChecked(found.notChecked);
      if (found.ignored !== null) tally.ignored(found.ignored);
      if (found.source === null) continue;
      const { place } = found.source;
      if (place === key) tally.ignored({ place, why: "it is the key file, SOPS_AGE_KEY_FILE" });
      else await tally.look(found.source);
    }
  }
  return tally.scope();
}

export async function scanInput(input: AsyncIterable<Uint8Array | string>, searcher: Searcher): Promise<Scope> {
  const tally = new Tally("stdin", searcher);
  await tally.look({ place: "stdin", read: () => bytesOf(input), again: false });
  return tally.scope();
}

async function* bytesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

const SHALLOW =
  "a shallow clone has the last commits alone: git fetch --unshallow, or fetch-depth: 0 for actions/checkout";

const PARTIAL =
  "a partial clone has fetched only some of the objects: git fetch --refetch --no-filter, or scan a whole clone";

/** What git names stands below the top of the repository, wherever the command does: so does the ignore file. */
async function repositoryOf(options: GitOptions): Promise<{ git: GitOptions; ignored: Ignored }> {
  const directory = await topOf(options);
  return { git: { ...options, directory }, ignored: await readIgnoreFile(directory) };
}

export async function scanHistory(searcher: Searcher, options: GitOptions): Promise<Scope> {
  const tally = new Tally("git", searcher);
  const { git, ignored } = await repositoryOf(options);
  if (await isPartial(git)) tally.notChecked({ place: "the git history", why: PARTIAL });
  const config = await configOf(git);
  await tally.lookLocal(config, credentialsIn(config));
  if (await isShallow(git)) tally.notChecked({ place: "the git history", why: SHALLOW });
  await scanObjects(tally, await historyOf(git), ignored, git, async ({ object, place }) => {
    const commit = await commitOf(object, git);
    return commit === null ? place : `${commit}:${place}`;
  });
  return tally.scope();
}

export async function scanStaged(searcher: Searcher, options: GitOptions): Promise<Scope> {
  const tally = new Tally("staged", searcher);
  const { git, ignored } = await repositoryOf(options);
  const { wanted, odd } = await stagedIn(git);
  for (const place of odd) tally.notChecked({ place, why: "git cannot be asked for a name with a line feed" });
  await scanObjects(tally, wanted, ignored, git, ({ place }) => Promise.resolve(place));
  return tally.scope();
}

async function scanObjects(
  tally: Tally,
  wanted: readonly Wanted[],
  ignored: Ignored,
  options: GitOptions,
  placeOf: (one: Wanted) => Promise<string>,
): Promise<void> {
  const asked = wanted.flatMap((one) => {
    const reason = ignored(one.place);
    if (reason === null) return [one];
    tally.ignored({ place: one.place, why: reason });
    return [];
  });
  for await (const { content, ...one } of readObjects(asked, options)) {
    if (content === null) tally.notChecked({ place: one.place, why: "git has no such object here: a submodule?" });
    else await tally.look({ place: one.place, read: () => content, again: false }, () => placeOf(one));
  }
}
