/** What a bundle has to be before any of it is decrypted: signed by somebody who may, for the pinned recipients. */
import { describeBundle } from "./bundle/index.ts";
import type { Config } from "./config.ts";
import { SidecryptError } from "./errors.ts";
import { readSignature, readSigners } from "./source/index.ts";
import { type AllowedSigner, parseSigners, type Pins, requirePins, requireSigner, type Signer } from "./trust/index.ts";
import type { ListedBundle } from "./types.ts";

export interface Policy {
  /** Null: bundles need no signature. */
  readonly signers: readonly AllowedSigner[] | null;
  readonly pins: Pins;
}

/** @throws SidecryptError `signers-invalid` */
export async function loadPolicy({ allowedSigners, pins }: Config): Promise<Policy> {
  if (allowedSigners === null) return { signers: null, pins };
  return { signers: parseSigners(await readSigners(allowedSigners), allowedSigners), pins };
}

/**
 * Who signed it; null where nobody has to. `now` in milliseconds.
 * @throws SidecryptError `bundle-unsigned`, `bundle-signature`, `bundle-signer`, `bundle-policy`
 */
export async function admit(bundle: ListedBundle, { signers, pins }: Policy, now: number): Promise<Signer | null> {
  const { path, bytes } = bundle;
  const signer =
    signers === null ? null : requireSigner({ path, bytes, signature: await readSignature(path) }, signers, now);
  comparePins(bundle, pins);
  return signer;
}

/** Also before a bundle is written: a writer encrypts for whoever the file names (sops.md §11.3). */
export function comparePins(bundle: ListedBundle, pins: Pins): void {
  if (pins.recipients.size + pins.rules.size === 0) return;
  requirePins(bundle, described(bundle), pins);
}

/** What it says of itself; what is wrong with that has its path before it. */
export function described({ path, bytes }: Pick<ListedBundle, "path" | "bytes">): ReturnType<typeof describeBundle> {
  try {
    return describeBundle(bytes);
  } catch (thrown) {
    if (!(thrown instanceof SidecryptError)) throw thrown;
    throw new SidecryptError(thrown.code, `${path}: ${thrown.message}`, thrown.hint);
  }
}
