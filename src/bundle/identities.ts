/**
 * Key files (sops.md §6.3), of age and of SSH. age-encryption puts the whole key into some of its errors (§13 trap a): a line is checked
 * here first, and whatever the library throws is dropped.
 */
import { hkdfSync } from "node:crypto";
import {
  Decrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
  type Identity,
} from "age-encryption";
import { SidecryptError } from "../errors.ts";
import { sshIdentity } from "./ssh-age.ts";
import { parseSshPrivateKey, sshRecipientText } from "./ssh-key.ts";
import { X25519_PREFIX, x25519Key } from "./x25519.ts";

/** Bech32 in upper case; the post-quantum seed is 32 bytes as well. */
const IDENTITY = /^AGE-SECRET-KEY-(?:PQ-)?1[AC-HJ-NP-Z02-9]{58}$/;
const FINGERPRINT_INFO = "sidecrypt generation v1";

/** A file as it was read; `path` is for messages only. */
export interface KeyText {
  readonly path: string;
  readonly text: string;
}

interface Key {
  readonly recipient: string;
  readonly identity: string | Identity;
  /** What only its owner has; for the fingerprint. */
  readonly secret: string | Uint8Array;
}

/** The keys of all sources. Printing one shows recipients, never a key. */
export class Identities {
  /** Public; in the order of the sources, and of the lines in each. */
  readonly recipients: readonly string[];
  readonly #decrypters: readonly Decrypter[];
  readonly #fingerprintKey: Uint8Array;

  constructor(keys: readonly Key[]) {
    this.recipients = keys.map(({ recipient }) => recipient);
    this.#decrypters = keys.map(({ identity }) => {
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      return decrypter;
    });
    this.#fingerprintKey = new Uint8Array(hkdfSync("sha256", keys[0]?.secret ?? "", "", FINGERPRINT_INFO, 32));
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

/**
 * All keys of all sources, as sops merges them; those of the key file first, since generation ids hang on the first.
 *
 * @throws SidecryptError key-malformed, by place and shape.
 */
export async function readIdentities(keyFile: KeyText | null, sshKey: KeyText | null): Promise<Identities> {
  const keys = keyFile === null ? [] : await readKeyFile(keyFile);
  if (sshKey !== null) keys.push(readSshKey(sshKey));
  return new Identities(keys);
}

/** Of a key file alone. @param path - for messages only. */
export function parseIdentities(text: string, path: string): Promise<Identities> {
  return readIdentities({ text, path }, null);
}

async function readKeyFile({ text, path }: KeyText): Promise<Key[]> {
  const keys: Key[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trimEnd();
    if (line === "" || line.startsWith("#")) continue;
    keys.push({ ...(await keyOf(line, `${path}, line ${index + 1}`)), secret: line });
  }
  if (keys.length > 0) return keys;
  throw new SidecryptError("key-malformed", `${path} holds no age key`, "make one with `sidecrypt keygen`");
}

function readSshKey({ text, path }: KeyText): Key {
  const key = parseSshPrivateKey(text, path);
  return { recipient: sshRecipientText(key), identity: sshIdentity(key), secret: key.secret };
}

export function recipientsOf(identities: Identities): readonly string[] {
  return identities.recipients;
}

/** A new key, with its public half: X25519, or that together with ML-KEM-768 (post-quantum). */
export async function generateIdentity(
  kind: "x25519" | "hybrid" = "x25519",
): Promise<{ identity: string; recipient: string }> {
  const identity = await (kind === "hybrid" ? generateHybridIdentity() : generateX25519Identity());
  return { identity, recipient: await identityToRecipient(identity) };
}

/** The library's own identity where it is post-quantum. */
async function keyOf(line: string, where: string): Promise<Omit<Key, "secret">> {
  if (!IDENTITY.test(line)) throw new SidecryptError("key-malformed", `${where}: ${lineFault(line)}`, LINE_HINT);
  try {
    if (line.startsWith(X25519_PREFIX)) return x25519Key(line);
    return { recipient: await identityToRecipient(line), identity: line };
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
  if (line.startsWith("-----BEGIN")) return "SSH keys belong into a file that SOPS_AGE_SSH_PRIVATE_KEY_FILE names";
  if (line.startsWith("age-secret-key-")) return "the key is in lower case";
  if (line.trimStart() !== line) return "blanks before the key";
  return "not an age key";
}
