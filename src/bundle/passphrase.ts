/**
 * An identity file under a passphrase, as `age -p` makes one, armored or not. The work is node's own scrypt, off the
 * thread of the program: age-encryption's takes a minute in the image, where no machine code is made at run time.
 */
import { scrypt } from "node:crypto";
import { armor, Decrypter, type Identity, type Stanza } from "age-encryption";
import { SidecryptError } from "../errors.ts";
import { unwrapFileKey, WRAPPED_BYTES } from "./file-key.ts";

const MAGIC = "age-encryption.org/v1\n";
const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";
const LABEL = "age-encryption.org/v1/scrypt";
const BLOCK_SIZE = 8;
/** Base-2 logarithm; each step doubles time and memory: 18, which age writes, is 256 MB, and this 1 GiB. */
const MAX_WORK_FACTOR = 20;
const SALT_BYTES = 16;

export function isEncryptedKeyFile(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 1024)).toString("latin1").trimStart();
  return start.startsWith(MAGIC) || start.startsWith(ARMOR);
}

/**
 * @param path - for messages only.
 * @returns the plain identity file; to be wiped.
 */
export async function decryptKeyFile(bytes: Uint8Array, passphrase: Uint8Array, path: string): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(passphraseIdentity(passphrase, path));
  try {
    const text = Buffer.from(bytes).toString("latin1");
    return await decrypter.decrypt(text.trimStart().startsWith(ARMOR) ? armor.decode(text) : bytes);
  } catch (thrown) {
    if (thrown instanceof SidecryptError) throw thrown;
    throw new SidecryptError("key-malformed", `${path} is a damaged age file`, "copy it again, whole");
  }
}

function passphraseIdentity(passphrase: Uint8Array, path: string): Identity {
  return {
    unwrapFileKey: async (stanzas) => {
      const { salt, workFactor, body } = readStanza(stanzas, path);
      const N = 2 ** workFactor;
      const key = await deriveKey(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), N);
      const fileKey = unwrapFileKey(body, key);
      key.fill(0);
      if (fileKey !== null) return fileKey;
      const hint = "SIDECRYPT_PASSPHRASE_FILE names the file that holds it";
      throw new SidecryptError("key-unreadable", `the passphrase does not open ${path}`, hint);
    },
  };
}

function readStanza(stanzas: readonly Stanza[], path: string): { salt: Buffer; workFactor: number; body: Uint8Array } {
  const found = stanzas.find(({ args }) => args[0] === "scrypt");
  if (found === undefined) {
    const hint = "encrypt it with a passphrase: age -p";
    throw new SidecryptError("key-malformed", `${path} is encrypted to a recipient, not under a passphrase`, hint);
  }
  const [, salt64 = "", factor = ""] = found.args;
  const salt = Buffer.from(salt64, "base64");
  const exact = salt.length === SALT_BYTES && salt.toString("base64") === `${salt64}==`;
  const whole = stanzas.length === 1 && found.args.length === 3 && found.body.length === WRAPPED_BYTES;
  if (!exact || !whole || !/^[1-9]\d?$/.test(factor)) throw new RangeError("a broken scrypt stanza");
  if (Number(factor) > MAX_WORK_FACTOR) {
    const message = `the work factor of ${path} is ${factor}, more than ${MAX_WORK_FACTOR}: more than 1 GiB of memory`;
    throw new SidecryptError("key-malformed", message, "encrypt it anew with age -p, which takes 18");
  }
  return { salt, workFactor: Number(factor), body: found.body };
}

function deriveKey(passphrase: Uint8Array, salt: Uint8Array, N: number): Promise<Buffer> {
  // Node counts a little more than 128 bytes × N × r.
  const options = { N, r: BLOCK_SIZE, p: 1, maxmem: 256 * N * BLOCK_SIZE };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
