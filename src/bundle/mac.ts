/** The MAC over all values (sops.md §4): SHA-512 of their bytes in file order, encrypted under `lastmodified`. */
import { createHash, timingSafeEqual } from "node:crypto";
import { SidecryptError } from "../errors.ts";
import { decryptValue, encryptValue, parseEnc } from "./value.ts";

/** Names, lengths and separators are not in it; the value's own tags bind the names. */
function digestOf(values: Iterable<Uint8Array>): Buffer {
  const whole = Buffer.concat([...values]);
  const digest = createHash("sha512").update(whole).digest("hex");
  whole.fill(0);
  return Buffer.from(digest.toUpperCase());
}

export function sealMac(values: Iterable<Uint8Array>, dataKey: Buffer, lastModified: string): string {
  return encryptValue(digestOf(values), dataKey, lastModified, "str");
}

/** Never shows the computed digest: for a short secret it would be an oracle (sops.md §4.3). */
export function requireMac(mac: string, values: Iterable<Uint8Array>, dataKey: Buffer, lastModified: string): void {
  if (mac === "") throw new SidecryptError("bundle-mac", "the file has no MAC (sops_mac)", HINT);
  const sealed = parseEnc(mac);
  if (sealed?.type !== "str") throw new SidecryptError("bundle-mac", "sops_mac is not what sops writes", HINT);
  const stored = decryptValue(sealed, dataKey, lastModified);
  if (stored === null) {
    throw new SidecryptError("bundle-mac", "sops_mac does not decrypt: it or sops_lastmodified was changed", HINT);
  }
  const computed = digestOf(values);
  if (stored.length !== computed.length || !timingSafeEqual(stored, computed)) {
    throw new SidecryptError("bundle-mac", "the MAC does not fit the values: lines were removed, moved or added", HINT);
  }
}

const HINT = "restore the file from git and change it only with `sidecrypt set` or `sops edit`";
