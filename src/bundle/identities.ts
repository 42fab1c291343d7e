/**
 * Key files (sops.md §6.3). age-encryption puts the whole key into some of its errors (§13 trap a): a line is checked
 * here first, and whatever the library throws is dropped.
 */
import { hkdfSync } from "node:crypto";
import { Decrypter, generateIdentity as generateAgeIdentity, identityToRecipient } from "age-encryption";
import { SidecryptError } from "../errors.ts";

/** Bech32 in upper case; the post-quantum seed is 32 bytes as well. */
const IDENTITY = /^AGE-SECRET-KEY-(?:PQ-)?1[AC-HJ-NP-Z02-9]{58}$/;
const FINGERPRINT_INFO = "sidecrypt generation v1";

/** The keys of one file. Printing one shows recipients, never a key. */
export class Identities {
  /** Public; in the file's order. */
  readonly recipients: readonly string[];
  readonly #decrypters: readonly Decrypter[];
  readonly #fingerprintKey: Uint8Array;

  constructor(keys: readonly string[], recipients: readonly string[]) {
    this.recipients = recipients;
    this.#decrypters = keys.map((key) => {
      const decrypter = new Decrypter();
      decrypter.addIdentity(key);
      return decrypter;
    });
    this.#fingerprintKey = new Uint8Array(hkdfSync("sha256", keys[0] ?? "", "", FINGERPRINT_INFO, 32));
  }

  /** 32 bytes derived from the first key: what generation ids are keyed with. */
  get fingerprintKey(): Uint8Array {
    return this.#fingerprintKey;
  }

  /** Null: no key opens it. One by one, since a key that throws would take the others with it (§13 trap c). */
  async decrypt(ageFile: Uint8Array): Promise<Buffer | null> {
    for (const decrypter of this.#decrypters) {
      try {
        return Buffer.from(await decrypter.decrypt(ageFile));
      } catch {
        continue;
      }
    }
    return null;
  }
}

/** @param path - for messages only. */
export async function parseIdentities(text: string, path: string): Promise<Identities> {
  const keys: string[] = [];
  const recipients: string[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trimEnd();
    if (line === "" || line.startsWith("#")) continue;
    recipients.push(await recipientOf(line, `${path}, line ${index + 1}`));
    keys.push(line);
  }
  if (keys.length === 0) {
    throw new SidecryptError("key-malformed", `${path} holds no age key`, "make one with `sidecrypt keygen`");
  }
  return new Identities(keys, recipients);
}

export function recipientsOf(identities: Identities): readonly string[] {
  return identities.recipients;
}

/** A new X25519 key, with its public half. */
export async function generateIdentity(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateAgeIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}

async function recipientOf(line: string, where: string): Promise<string> {
  if (!IDENTITY.test(line)) throw new SidecryptError("key-malformed", `${where}: ${lineFault(line)}`, LINE_HINT);
  try {
    return await identityToRecipient(line);
  } catch {
    throw new SidecryptError("key-malformed", `${where}: the key is mistyped (its checksum is wrong)`, LINE_HINT);
  }
}

const LINE_HINT =
  "each line is a comment (#), empty, or one key: AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1… in capitals";

/** By the shape of the line only; not a character of it is repeated. */
function lineFault(line: string): string {
  if (line.startsWith("age1")) return "a public recipient stands where the secret key belongs";
  if (line.startsWith("AGE-PLUGIN-")) return "keys of age plugins are not supported";
  if (line.startsWith("-----BEGIN AGE") || line.startsWith("age-encryption")) return "a key file under a passphrase";
  if (line.startsWith("-----BEGIN")) return "SSH and PEM keys are not supported";
  if (line.startsWith("age-secret-key-")) return "the key is in lower case";
  if (line.trimStart() !== line) return "blanks before the key";
  return "not an age key";
}
