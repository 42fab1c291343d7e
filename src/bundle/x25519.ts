/**
 * An age key as an identity of age-encryption: the `X25519` stanza of the age specification, by Node's own curve. The
 * library's goes through WebCrypto, which derives each key twice and leaves the thread for it: half of what it costs to
 * open a small bundle.
 */
import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from "node:crypto";
import { bech32 } from "@scure/base";
import type { Identity, Stanza } from "age-encryption";
import { unwrapFileKey, WRAPPED_BYTES } from "./file-key.ts";

export const X25519_PREFIX = "AGE-SECRET-KEY-1";
const LABEL = "age-encryption.org/v1/X25519";
const SHARE_BYTES = 32;
/** DER up to the 32 bytes of the key itself (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

export interface X25519Key {
  readonly recipient: string;
  readonly identity: Identity;
}

/** @param text - `AGE-SECRET-KEY-1…`. Throws where its checksum is wrong. */
export function x25519Key(text: string): X25519Key {
  const { bytes } = bech32.decodeToBytes(text);
  const der = Buffer.concat([PRIVATE_PREFIX, bytes]);
  bytes.fill(0);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  const ours = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(PUBLIC_PREFIX.length);
  return { recipient: bech32.encodeFromBytes("age", ours), identity: identityOf(key, ours) };
}

function identityOf(key: KeyObject, ours: Buffer): Identity {
  return {
    unwrapFileKey: (stanzas) => {
      for (const stanza of stanzas) {
        const fileKey = stanza.args[0] === "X25519" ? unwrap(key, ours, stanza) : null;
        if (fileKey !== null) return fileKey;
      }
      return null;
    },
  };
}

/** Null: another key's. Throws at a stanza that nobody honest writes, and at a share that gives no secret. */
function unwrap(key: KeyObject, ours: Buffer, { args, body }: Stanza): Buffer | null {
  const share = Buffer.from(args[1] ?? "", "base64");
  const exact = share.length === SHARE_BYTES && share.toString("base64").replace(/=+$/, "") === args[1];
  if (args.length !== 2 || !exact || body.length !== WRAPPED_BYTES) throw new RangeError("a broken X25519 stanza");
  const theirs = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, share]), format: "der", type: "spki" });
  // Throws where the secret would be all zeros: a share of low order.
  const secret = diffieHellman({ privateKey: key, publicKey: theirs });
  const wrapping = new Uint8Array(hkdfSync("sha256", secret, Buffer.concat([share, ours]), LABEL, 32));
  secret.fill(0);
  return unwrapFileKey(body, wrapping);
}
