/** No way back: SOPS verifies every bundle that was ever valid, for ever (sops.md §11.1). Pure. */
import { SidecryptError } from "../errors.ts";

export interface Dated {
  /** Of the ciphertext, hex. */
  readonly digest: string;
  /** RFC 3339; the MAC authenticates it. */
  readonly lastModified: string;
}

/** "any", or beginnings of the digests of those that are taken all the same. */
export type AllowOlder = "any" | ReadonlySet<string>;

/**
 * `committed`: what a drop was committed from last. That is always taken, so that a revert of a bad key is; any other
 * one must not be older than the newest of them.
 * @throws SidecryptError `bundle-older`
 */
export function refuseOlder(path: string, present: Dated, committed: readonly Dated[], allowed: AllowOlder): void {
  if (allowed === "any" || [...allowed].some((beginning) => present.digest.startsWith(beginning))) return;
  if (committed.some(({ digest }) => digest === present.digest)) return;
  const newest = committed.toSorted((a, b) => timeOf(b) - timeOf(a))[0];
  if (newest === undefined || timeOf(present) >= timeOf(newest)) return;
  const short = present.digest.slice(0, 12);
  throw new SidecryptError(
    "bundle-older",
    `${path} was changed last at ${present.lastModified}: the one committed last is newer, of ${newest.lastModified}`,
    `edit it once more, on a machine whose clock is right; or, where it is meant: SIDECRYPT_ALLOW_OLDER=${short}`,
  );
}

function timeOf({ lastModified }: Dated): number {
  return Date.parse(lastModified);
}
