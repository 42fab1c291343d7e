/**
 * SSH keys as recipients and identities of age-encryption, which has none: filippo.io/age/agessh, stanza for stanza
 * (sops.md §6.4).
 */
import { constants, createHash, hkdfSync, privateDecrypt, publicEncrypt, type KeyObject } from "node:crypto";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { Stanza, type Identity, type Recipient } from "age-encryption";
import { FILE_KEY_BYTES, unwrapFileKey, wrapFileKey, WRAPPED_BYTES } from "./file-key.ts";
import type { SshPrivateKey, SshPublicKey } from "./ssh-key.ts";

const ED25519_LABEL = "age-encryption.org/v1/ssh-ed25519";
const RSA_LABEL = "age-encryption.org/v1/ssh-rsa";
const SHARE_BYTES = 32;
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256", oaepLabel: Buffer.from(RSA_LABEL) };

export function sshRecipient(key: SshPublicKey): Recipient {
  return { wrapFileKey: (fileKey) => [key.kind === "ssh-rsa" ? wrapRsa(key, fileKey) : wrapEd25519(key, fileKey)] };
}

export function sshIdentity(key: SshPrivateKey): Identity {
  const tag = tagOf(key.wire);
  return {
    unwrapFileKey: (stanzas) => {
      for (const stanza of stanzas) {
        if (stanza.args[0] !== key.kind || stanza.args[1] !== tag) continue;
        const fileKey = key.kind === "ssh-rsa" ? unwrapRsa(key.key, stanza) : unwrapEd25519(key, stanza);
        if (fileKey !== null) return fileKey;
      }
      return null;
    },
  };
}

type Ed25519 = Extract<SshPublicKey, { kind: "ssh-ed25519" }>;

function wrapEd25519(recipient: Ed25519, fileKey: Uint8Array): Stanza {
  const theirs = ed25519.utils.toMontgomery(recipient.point);
  const ephemeral = x25519.keygen();
  const secret = tweaked(recipient.wire, x25519.getSharedSecret(ephemeral.secretKey, theirs));
  const body = wrapFileKey(fileKey, wrappingKey(secret, ephemeral.publicKey, theirs));
  return new Stanza(["ssh-ed25519", tagOf(recipient.wire), unpadded(ephemeral.publicKey)], body);
}

/** Null: no file key of ours in it. */
function unwrapEd25519(key: Extract<SshPrivateKey, { kind: "ssh-ed25519" }>, { args, body }: Stanza): Buffer | null {
  const share = Buffer.from(args[2] ?? "", "base64");
  const exact = args.length === 3 && share.length === SHARE_BYTES && unpadded(share) === args[2];
  if (!exact || body.length !== WRAPPED_BYTES) throw new RangeError("a broken ssh-ed25519 stanza");
  const secret = tweaked(key.wire, x25519.getSharedSecret(ed25519.utils.toMontgomerySecret(key.secret), share));
  return unwrapFileKey(body, wrappingKey(secret, share, ed25519.utils.toMontgomery(key.point)));
}

/** Binds the stanza to this SSH key, and keeps the point of the signing key out of the exchange itself. */
function tweaked(wire: Buffer, shared: Uint8Array): Uint8Array {
  return x25519.getSharedSecret(new Uint8Array(hkdfSync("sha256", "", wire, ED25519_LABEL, SHARE_BYTES)), shared);
}

function wrappingKey(secret: Uint8Array, share: Uint8Array, theirs: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, Buffer.concat([share, theirs]), ED25519_LABEL, 32));
}

function wrapRsa({ wire, key }: Extract<SshPublicKey, { kind: "ssh-rsa" }>, fileKey: Uint8Array): Stanza {
  return new Stanza(["ssh-rsa", tagOf(wire)], publicEncrypt({ key, ...OAEP }, fileKey));
}

function unwrapRsa(key: KeyObject, { args, body }: Stanza): Buffer | null {
  if (args.length !== 2) throw new RangeError("a broken ssh-rsa stanza");
  try {
    const fileKey = privateDecrypt({ key, ...OAEP }, body);
    return fileKey.length === FILE_KEY_BYTES ? fileKey : null;
  } catch {
    return null;
  }
}

/** Four bytes: which of several keys a stanza is probably for. */
function tagOf(wire: Buffer): string {
  return unpadded(createHash("sha256").update(wire).digest().subarray(0, 4));
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}
