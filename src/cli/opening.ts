/** The bundle and the key as the daemon would find them, for the commands that work without it. */
import { resolve } from "node:path";
import { looksLikeBundle, open, type Identities } from "../bundle/index.ts";
import type { Config } from "../config.ts";
import { loadIdentities } from "../keys.ts";
import { findBundle, readBundle } from "../source/index.ts";
import type { Bundle, Opened } from "../types.ts";
import type { Ui } from "./ui.ts";

export interface OpenedFile {
  readonly path: string;
  readonly bundle: Bundle;
  readonly identities: Identities;
  readonly opened: Opened;
}

/** `file` is what the command line names, relative to where we stand; null: the one that the daemon would take. */
export async function openFile(file: string | null, config: Config, ui: Ui): Promise<OpenedFile> {
  const path = file === null ? await findBundle(config.bundleDir, config.bundle, looksLikeBundle) : resolve(file);
  const identities = await loadIdentities(config.keyFile);
  const bundle = await readBundle(path);
  const opened = await open(bundle, identities, { allowEmpty: config.allowEmpty, dotenv: config.dotenv });
  ui.redactor.remember(opened.secrets.values());
  return { path, bundle, identities, opened };
}
