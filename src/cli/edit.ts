import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { decryptPlain, editPlain, open } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { SidecryptError, systemCode, toSidecryptError } from "../errors.ts";
import { parseArguments } from "./arguments.ts";
import { compare } from "./diff.ts";
import { runEditor } from "./editor.ts";
import type { Io } from "./io.ts";
import { openFile, type OpenedFile } from "./opening.ts";
import { rememberPlaintext } from "./plaintext.ts";
import { changed, replaceBundle, type NewBytes } from "./rewriting.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import type { Ui } from "./ui.ts";

export async function edit(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "edit", flags: {}, operands: 1 });
  const config = parseConfig(io.env);
  const file = await openFile(parsed.operands[0] ?? null, config, ui);
  const scratch = await makeScratch(io);
  try {
    const bytes = await edited(file, scratch, config, io, ui);
    if (bytes === null) {
      ui.say(`nothing was changed; ${file.path} is left as it is`);
      return 0;
    }
    const names = await changedNames(file, bytes, config, ui);
    await replaceBundle(file, bytes, config, ui);
    for (const name of names) ui.say(name);
    ui.say(`${file.path} written`);
    return 0;
  } finally {
    scratch.remove();
  }
}

/** Once more for as long as what was typed cannot be kept and somebody is there to mend it. */
async function edited(
  { path, bundle, identities }: OpenedFile,
  { directory }: Scratch,
  { allowEmpty }: Config,
  io: Io,
  ui: Ui,
): Promise<NewBytes> {
  // Its own name, for the editor's colours.
  const plainPath = join(directory, basename(path));
  const plain = await decryptPlain(bundle.bytes, identities);
  rememberPlaintext(plain.bytes, ui.redactor);
  await writeFile(plainPath, plain.bytes, { mode: 0o600, flag: "wx" });
  for (;;) {
    await runEditor(plainPath, io);
    const typed = await readTyped(plainPath);
    // Not a byte differs: not even what a reading of it would change.
    if (typed.equals(plain.bytes)) return null;
    rememberPlaintext(typed, ui.redactor);
    try {
      return await changed(path, bundle.bytes, () =>
        editPlain(bundle.bytes, identities, typed, new Date(io.clock.now()), { allowEmpty }),
      );
    } catch (thrown) {
      const error = toSidecryptError(thrown);
      if (error.code === "internal" || !(await wantsToMend(error, io, ui))) throw error;
    }
  }
}

async function readTyped(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (systemCode(thrown) === null) throw thrown;
    throw new SidecryptError("editor-failed", `the editor left no file (${systemCode(thrown)}); nothing was changed`);
  }
}

/** False where nobody can be asked: then the error ends it, and what was typed is gone with the directory. */
async function wantsToMend(error: SidecryptError, { readLine }: Io, ui: Ui): Promise<boolean> {
  if (readLine === null) return false;
  ui.error(error);
  ui.ask("open the editor again? [Y/n] ");
  return !/^\s*n/i.test(await readLine());
}

/** What a look at the result finds, in the words of `diff`. */
async function changedNames(
  { bundle, identities, opened }: OpenedFile,
  bytes: Uint8Array,
  { allowEmpty, dotenv }: Config,
  ui: Ui,
): Promise<readonly string[]> {
  const after = await open({ ...bundle, bytes }, identities, { allowEmpty, dotenv });
  ui.redactor.remember(after.secrets.values());
  return compare(opened.secrets, after.secrets)
    .filter(({ kind }) => kind !== "same")
    .map(({ kind, name }) => `${kind} ${name}`);
}
