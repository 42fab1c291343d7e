/** The bundles and the key as the daemon would find them, for the commands that work without it. */
import { resolve } from "node:path";
import { comparePins } from "../admission.ts";
import { type Description, looksLikeBundle, merge, openDescribed, type Identities } from "../bundle/index.ts";
import type { Config } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { loadIdentities } from "../keys.ts";
import { asSet, findBundles, readBundle } from "../source/index.ts";
import type { ListedBundle, Opened } from "../types.ts";
import type { Ui } from "./ui.ts";

export interface OpenedFile {
  readonly path: string;
  readonly bundle: ListedBundle;
  readonly identities: Identities;
  readonly opened: Opened;
  readonly description: Description;
}

/**
 * `file` is what the command line names, relative to where we stand; null: the one that the daemon would take.
 * @throws SidecryptError `bundle-ambiguous` where the daemon would take several
 */
export async function openFile(file: string | null, config: Config, ui: Ui): Promise<OpenedFile> {
  if (file !== null) return openPath(resolve(file), config, ui);
  const [path, ...others] = await pathsOf(config);
  if (path !== undefined && others.length === 0) return openPath(path, config, ui);
  throw new SidecryptError(
    "bundle-ambiguous",
    `SIDECRYPT_BUNDLE lists ${config.bundles.length} bundles: ${config.bundles.join(", ")}`,
    "name the one that is meant on the command line",
  );
}

/** All that the daemon would take; that they go together is part of it. */
export async function openAll(config: Config, ui: Ui): Promise<readonly OpenedFile[]> {
  const files: OpenedFile[] = [];
  for (const path of await pathsOf(config)) files.push(await openPath(path, config, ui));
  merged(files);
  return files;
}

/** The same as one: what the daemon has open. */
export async function openMerged(config: Config, ui: Ui): Promise<Opened> {
  return merged(await openAll(config, ui));
}

function merged(files: readonly OpenedFile[]): Opened {
  return merge(asSet(files.map(({ bundle }) => bundle)).digest, files);
}

export async function pathsOf({ bundleDir, bundles }: Config): Promise<readonly string[]> {
  return (await findBundles(bundleDir, bundles, looksLikeBundle)).map(({ path }) => path);
}

async function openPath(path: string, config: Config, ui: Ui): Promise<OpenedFile> {
  const identities = await loadIdentities(config);
  const bundle = { ...(await readBundle(path)), name: path };
  comparePins(bundle, config.pins);
  const { allowEmpty, dotenv } = config;
  const { opened, description } = await openDescribed(bundle, identities, { allowEmpty, dotenv });
  ui.redactor.remember(opened.secrets.values());
  return { path, bundle, identities, opened, description };
}
