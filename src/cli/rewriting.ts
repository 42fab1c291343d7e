/** A change of a bundle on disk: what was written is opened before the file is replaced, and no message lacks its path. */
import { stat } from "node:fs/promises";
import { comparePins } from "../admission.ts";
import { open } from "../bundle/index.ts";
import type { Config } from "../config.ts";
import { SidecryptError, toSidecryptError } from "../errors.ts";
import { SIGNATURE_SUFFIX } from "../trust/index.ts";
import type { OpenedFile } from "./opening.ts";
import { replaceFile } from "./replace.ts";
import type { Ui } from "./ui.ts";

/** Null: the change changes nothing. */
export type NewBytes = Uint8Array | null;

/** Puts the path before what is wrong with the change. */
export async function changed(path: string, before: Uint8Array, change: () => Promise<Uint8Array>): Promise<NewBytes> {
  try {
    const bytes = await change();
    return Buffer.compare(bytes, before) === 0 ? null : bytes;
  } catch (thrown) {
    const { code, message, hint } = toSidecryptError(thrown);
    throw new SidecryptError(code, `${path}: ${message}`, hint);
  }
}

/** For a change that leaves every value as it is. Where none of our keys would open the result, nothing is written. */
export async function requireSameSecrets(
  { path, bundle, identities, opened }: OpenedFile,
  bytes: Uint8Array,
  { allowEmpty, dotenv }: Config,
): Promise<void> {
  const { secrets } = await open({ ...bundle, bytes }, identities, { allowEmpty, dotenv }).catch((thrown: unknown) => {
    if (toSidecryptError(thrown).code !== "key-no-match") throw thrown;
    throw new SidecryptError(
      "key-no-match",
      `${path} is left as it was: no key of yours would open it any more`,
      "let somebody do it whose key stays, or put your own recipient in",
    );
  });
  const same =
    secrets.size === opened.secrets.size &&
    [...secrets].every(([name, value]) => Buffer.compare(value, opened.secrets.get(name) ?? new Uint8Array()) === 0);
  if (!same) throw new SidecryptError("internal", `${path}: the new file would not hold the same values`);
}

/** What is about to be written, whatever stood there before: whoever it names has the data key. */
export function requirePinned(path: string, bytes: Uint8Array, { pins }: Config): void {
  try {
    comparePins({ path, name: path, bytes, digest: "" }, pins);
  } catch (thrown) {
    const { code, message } = toSidecryptError(thrown);
    if (code !== "bundle-policy") throw thrown;
    const hint = "where that is meant, change SIDECRYPT_RECIPIENTS and SIDECRYPT_RULE first";
    throw new SidecryptError(code, `${message}; nothing was written`, hint);
  }
}

export async function replaceBundle(file: OpenedFile, bytes: Uint8Array, config: Config, ui: Ui): Promise<void> {
  const { path, bundle } = file;
  requirePinned(path, bytes, config);
  const { ownerKept } = await replaceFile(path, bundle.digest, bytes);
  if (!ownerKept) ui.warn(`${path} belongs to you now: its owner could not be kept`);
  const signature = await stat(`${path}${SIGNATURE_SUFFIX}`).catch(() => null);
  // The daemon would refuse the new bundle beside the old signature.
  if (signature !== null) ui.hint(`its signature is of the file before: sidecrypt sign ${path} --key FILE`);
}
