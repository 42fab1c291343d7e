/**
 * Reads the identities from their files. Takes paths, returns identities ready to open a bundle. Never repeats anything
 * of a file's content: with the wrong path it may be any file.
 */
import { createHash } from "node:crypto";
import { open, stat, type FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { geteuid } from "node:process";
import { decryptKeyFile, isEncryptedKeyFile, readIdentities, type Identities, type KeyText } from "./bundle/index.ts";
import { DEFAULT_KEY_FILE } from "./config.ts";
import { SidecryptError, systemCode } from "./errors.ts";

export interface KeyPaths {
  readonly keyFile: string;
  readonly sshKeyFile: string | null;
  readonly passphraseFile: string | null;
}

/** A key file holds a few lines of 75 characters; post-quantum ones are 2 kB each. */
const MAX_KEY_FILE = 64 * 1024;

/** For messages. */
interface Role {
  readonly what: string;
  readonly setting: string;
  readonly make: (name: string) => string;
}

const AGE_KEY: Role = {
  what: "the key file",
  setting: "SOPS_AGE_KEY_FILE",
  make: (name) => `make one with: sidecrypt keygen -o ${name}`,
};
const SSH_KEY: Role = {
  what: "the SSH private key",
  setting: "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
  make: (name) => `make one with: ssh-keygen -t ed25519 -N '' -f ${name}`,
};
const PASSPHRASE: Role = {
  what: "the file with the passphrase",
  setting: "SIDECRYPT_PASSPHRASE_FILE",
  make: (name) => `write the passphrase into ${name} (mode 0600)`,
};

/** What was read, to be wiped. Null: not there, and need not be. */
interface Files {
  readonly key: Buffer | null;
  readonly ssh: Buffer | null;
  /** Null also where the key file is not under one. */
  readonly passphrase: Buffer | null;
}

/**
 * Reads the files each time, and makes identities of them only where they changed: a passphrase costs a second and
 * 256 MB, and the daemon asks every few seconds.
 */
export class Keyring {
  readonly #paths: KeyPaths;
  #digest = "";
  #identities: Promise<Identities> | null = null;

  constructor(paths: KeyPaths) {
    this.#paths = paths;
  }

  async load(): Promise<Identities> {
    const files = await readFiles(this.#paths);
    const contents = [files.key, files.ssh, files.passphrase];
    const digest = contents.map((bytes) => (bytes === null ? "" : sha256(bytes))).join();
    if (this.#identities === null || digest !== this.#digest) this.#identities = toIdentities(files, this.#paths);
    this.#digest = digest;
    try {
      // A passphrase that does not fit is not tried again either.
      return await this.#identities;
    } finally {
      for (const bytes of contents) bytes?.fill(0);
    }
  }
}

export function loadIdentities(paths: KeyPaths): Promise<Identities> {
  return new Keyring(paths).load();
}

export interface KeyTexts {
  readonly key: string;
  readonly ssh: string;
  readonly passphrase: string;
}

/** For those that search for what opens the bundle. "": it is not there, or does not open, which the opening says itself. */
export async function readKeyTexts(paths: KeyPaths): Promise<KeyTexts> {
  const none: Files = { key: null, ssh: null, passphrase: null };
  const { key, ssh, passphrase } = await readFiles(paths).catch(() => none);
  const isLocked = key !== null && isEncryptedKeyFile(key);
  const plain = isLocked ? await unlock(key, passphrase, paths).catch(() => null) : key;
  const text = (bytes: Uint8Array | null): string => (bytes === null ? "" : Buffer.from(bytes).toString());
  return { key: text(plain), ssh: text(ssh), passphrase: text(passphrase).replace(/\r?\n$/, "") };
}

/** As sops: the default key file need not be there where another source is named. */
async function readFiles({ keyFile, sshKeyFile, passphraseFile }: KeyPaths): Promise<Files> {
  const ssh = sshKeyFile === null ? null : await readSmallFile(sshKeyFile, SSH_KEY);
  const isOptional = ssh !== null && keyFile === DEFAULT_KEY_FILE && (await isAbsent(keyFile));
  const key = isOptional ? null : await readSmallFile(keyFile, AGE_KEY);
  const passphrase =
    key !== null && passphraseFile !== null && isEncryptedKeyFile(key)
      ? await readSmallFile(passphraseFile, PASSPHRASE)
      : null;
  return { key, ssh, passphrase };
}

async function toIdentities({ key, ssh, passphrase }: Files, paths: KeyPaths): Promise<Identities> {
  const plain = key !== null && isEncryptedKeyFile(key) ? await unlock(key, passphrase, paths) : key;
  try {
    return await readIdentities(textOf(plain, paths.keyFile), textOf(ssh, paths.sshKeyFile ?? ""));
  } finally {
    plain?.fill(0);
  }
}

async function unlock(key: Buffer, passphrase: Buffer | null, { keyFile, passphraseFile }: KeyPaths) {
  if (passphrase === null) {
    const hint = "put the passphrase into a file of its own and name it in SIDECRYPT_PASSPHRASE_FILE";
    throw new SidecryptError("key-unreadable", `${keyFile} is under a passphrase`, hint);
  }
  const end = /\r?\n$/.exec(passphrase.toString("latin1"))?.index ?? passphrase.length;
  if (end === 0) throw new SidecryptError("key-malformed", `${passphraseFile ?? ""} holds no passphrase`);
  return decryptKeyFile(key, passphrase.subarray(0, end), keyFile);
}

function textOf(bytes: Uint8Array | null, path: string): KeyText | null {
  return bytes === null ? null : { path, text: new TextDecoder().decode(bytes) };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function isAbsent(path: string): Promise<boolean> {
  return (await stat(path).catch(systemCode)) === "ENOENT";
}

async function readSmallFile(path: string, role: Role): Promise<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (thrown) {
    throw await explain(path, role, systemCode(thrown) ?? "");
  }
  try {
    const buffer = Buffer.alloc(MAX_KEY_FILE + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
    }
    buffer.fill(0);
  } catch (thrown) {
    throw await explain(path, role, systemCode(thrown) ?? "");
  } finally {
    await handle.close();
  }
  throw new SidecryptError(
    "key-unreadable",
    `${path} is larger than ${MAX_KEY_FILE} bytes`,
    `is it ${role.what}? it is named by ${role.setting}`,
  );
}

/** What is wrong with the file, and the line that mends it on the host. */
async function explain(path: string, role: Role, code: string): Promise<SidecryptError> {
  const name = basename(path);
  switch (code) {
    case "ENOENT":
      return new SidecryptError(
        "key-unreadable",
        `${path} does not exist`,
        `${role.make(name)}, and mount it: ./${name}:${path}:ro; or name another in ${role.setting}`,
      );
    case "EISDIR":
      return new SidecryptError(
        "key-unreadable",
        `${path} is a directory: docker makes one where the file of a mount is not there`,
        `on the host: rmdir ${name}, put ${role.what} in its place, and docker compose up -d --force-recreate the sidecar`,
      );
    case "EACCES":
    case "EPERM":
      return denied(path, name);
    default:
      return new SidecryptError("key-unreadable", `${path} cannot be read: ${code === "" ? "unknown error" : code}`);
  }
}

async function denied(path: string, name: string): Promise<SidecryptError> {
  const uid = geteuid?.() ?? 0;
  const found = await stat(path).catch(() => null);
  const whose =
    found === null ? "a directory above it is closed" : `its owner is uid ${found.uid}, its mode ${octal(found.mode)}`;
  return new SidecryptError(
    "key-unreadable",
    `${path} cannot be read as uid ${uid}: ${whose}`,
    `on the host: sudo chown ${uid} ${name} && sudo chmod 0600 ${name}`,
  );
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
