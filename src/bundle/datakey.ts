/** The data key and its age entries (sops.md §6.2). Each recipient has an age file of its own, as sops writes it. */
import { armor, Encrypter } from "age-encryption";
import { SidecryptError } from "../errors.ts";
import type { AgeEntry } from "./document.ts";
import type { Identities } from "./identities.ts";
import { MAX_ENC_LENGTH, MAX_SHOWN_RECIPIENT, MAX_SHOWN_RECIPIENTS } from "./limits.ts";
import type { Metadata } from "./metadata.ts";
import { sshRecipient } from "./ssh-age.ts";
import { parseSshRecipient, sshRecipientText } from "./ssh-key.ts";
import { DATA_KEY_BYTES } from "./value.ts";

const MAGIC = "age-encryption.org/v1\n";
/** Nonce, data key, tag. */
const PAYLOAD_BYTES = 16 + DATA_KEY_BYTES + 16;

/** Every entry with every identity: the recipient's text is a label that proves nothing. */
export async function recoverDataKey(metadata: Metadata, identities: Identities): Promise<Buffer> {
  for (const entry of metadata.age) {
    const ageFile = decodeArmor(entry.enc);
    const dataKey = ageFile === null ? null : await identities.decrypt(ageFile);
    if (dataKey?.length === DATA_KEY_BYTES) return dataKey;
    if (dataKey !== null) throw new SidecryptError("bundle-forged", "the data key does not have 32 bytes");
  }
  throw noMatch(metadata, identities);
}

/** Null: not an armored file, or none of one recipient; a broken entry must not shut out the others. */
function decodeArmor(text: string): Uint8Array | null {
  if (text.length > MAX_ENC_LENGTH) return null;
  try {
    return armor.decode(text);
  } catch {
    return null;
  }
}

/** Whether it can be what its label says: an age file as long as a data key makes one, with a stanza of the recipient's kind. */
export function isSound({ recipient, enc }: AgeEntry): boolean {
  const ageFile = decodeArmor(enc);
  if (ageFile === null) return false;
  const text = Buffer.from(ageFile).toString("latin1");
  const end = text.indexOf("\n--- ");
  const payload = text.indexOf("\n", end + 1) + 1;
  if (!text.startsWith(MAGIC) || end < 0 || text.length - payload !== PAYLOAD_BYTES) return false;
  const stanzas = [...text.slice(0, end).matchAll(/^-> (\S+)/gm)].map(([, kind]) => kind);
  const kind = kindOf(recipient);
  return kind === null ? stanzas.length > 0 : stanzas.includes(kind);
}

/** Of its stanza; null: a plugin's recipient, or none at all. */
function kindOf(recipient: string): string | null {
  if (recipient.startsWith("age1pq1")) return "mlkem768x25519";
  // Bech32 has no 1 after the one that ends its prefix.
  if (/^age1[^1]+$/.test(recipient)) return "X25519";
  return parseSshRecipient(recipient)?.kind ?? null;
}

export async function wrapDataKey(dataKey: Buffer, recipient: string): Promise<AgeEntry> {
  try {
    const encrypter = new Encrypter();
    const ssh = parseSshRecipient(recipient);
    encrypter.addRecipient(ssh === null ? recipient : sshRecipient(ssh));
    return { recipient, enc: armor.encode(await encrypter.encrypt(dataKey)) };
  } catch {
    const hint = recipient.startsWith("AGE1")
      ? "age takes a recipient in small letters alone"
      : "a recipient is the public half of an age key, age1…, or of an SSH key, ssh-ed25519 or ssh-rsa";
    throw new SidecryptError("key-malformed", `${abbreviate(recipient)} is not an age recipient`, hint);
  }
}

function noMatch(metadata: Metadata, identities: Identities): SidecryptError {
  const others = metadata.otherServices.join(", ");
  if (metadata.age.length === 0) {
    const only = others === "" ? "for nobody" : `only for other key services (${others})`;
    const hint = "add the sidecar's age recipient with `sops updatekeys` or `sops rotate --add-age`";
    return new SidecryptError("key-no-match", `the file is encrypted ${only}; it has no age recipient`, hint);
  }
  const theirs = list(metadata.age.map((entry) => entry.recipient));
  const message = `none of our keys opens the file: it is for ${theirs}; ours: ${list(identities.recipients)}`;
  const hint = "encrypt it to one of our recipients (`sops updatekeys`), or mount the key that it is for";
  return new SidecryptError("key-no-match", message, hint);
}

function list(recipients: readonly string[]): string {
  const shown = recipients.slice(0, MAX_SHOWN_RECIPIENTS).map(abbreviate).join(", ");
  const more = recipients.length - MAX_SHOWN_RECIPIENTS;
  const count = `${recipients.length} ${recipients.length === 1 ? "recipient" : "recipients"}`;
  return `${count} (${shown}${more > 0 ? `, and ${more} more` : ""})`;
}

/** Recipients are public, but the file's are untrusted text, and a secret key may stand there by mistake. */
export function abbreviate(recipient: string): string {
  const ssh = parseSshRecipient(recipient);
  if (ssh !== null) return `${ssh.kind} …${sshRecipientText(ssh).slice(-8)}`;
  if (!/^age1[a-z0-9]+$/.test(recipient)) return "an unreadable label";
  return recipient.length <= MAX_SHOWN_RECIPIENT ? recipient : `${recipient.slice(0, 16)}…${recipient.slice(-6)}`;
}
