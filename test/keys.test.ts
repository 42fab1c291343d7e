/** Files on a disk → identities: which are read, which need not be there, and what is said of one that does not do. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armor, Encrypter, generateHybridIdentity } from "age-encryption";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateIdentity, recipientsOf } from "../src/bundle/index.ts";
import { DEFAULT_KEY_FILE } from "../src/config.ts";
import { Keyring, loadIdentities, type KeyPaths } from "../src/keys.ts";
import { faultOf, said } from "./bundle/support.ts";

const directory = mkdtempSync(join(tmpdir(), "sidecrypt-keys-"));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const PASSPHRASE = "correct horse battery";
/** As little work as scrypt takes: a test opens many. */
const LIGHT = 4;
let number = 0;

function file(content: string | Uint8Array): string {
  number += 1;
  const path = join(directory, `file-${number}`);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

function paths(some: Partial<KeyPaths>): KeyPaths {
  return { keyFile: DEFAULT_KEY_FILE, sshKeyFile: null, passphraseFile: null, ...some };
}

async function encrypted(text: string, passphrase = PASSPHRASE, workFactor = LIGHT): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return encrypter.encrypt(text);
}

let age: { identity: string; recipient: string };
let keyFile: string;
let sshKeyFile: string;
beforeAll(async () => {
  age = await generateIdentity();
  keyFile = file(`${age.identity}\n${await generateHybridIdentity()}\n`);
  sshKeyFile = join(directory, "id_ed25519");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", sshKeyFile]);
});

describe("sources", () => {
  test("are merged, those of the key file first", async () => {
    const recipients = recipientsOf(await loadIdentities(paths({ keyFile, sshKeyFile })));
    expect(recipients.map((text) => text.slice(0, 7))).toEqual([age.recipient.slice(0, 7), "age1pq1", "ssh-ed2"]);
  });

  test("an SSH key alone will do, where no key file is named and none is there", async () => {
    expect(recipientsOf(await loadIdentities(paths({ sshKeyFile })))).toHaveLength(1);
  });

  test.each([
    ["SOPS_AGE_KEY_FILE", { keyFile: "/nowhere/age.key" }],
    ["SOPS_AGE_KEY_FILE", {}],
    ["SOPS_AGE_SSH_PRIVATE_KEY_FILE", { sshKeyFile: "/nowhere/id" }],
  ])("a missing file of %s is an error that names it", async (setting, some) => {
    const fault = await faultOf(loadIdentities(paths(some)));
    expect(fault.code).toBe("key-unreadable");
    expect(fault.hint).toContain(setting);
  });

  test("a named key file is missed even where there is an SSH key", async () => {
    const fault = await faultOf(loadIdentities(paths({ keyFile: "/nowhere/age.key", sshKeyFile })));
    expect(fault.message).toContain("/nowhere/age.key");
  });
});

describe("a key file under a passphrase", () => {
  test.each(["binary", "armored"])("%s: opens with the passphrase, its line end left out", async (form) => {
    const bytes = await encrypted(`# mine\n${age.identity}\n`);
    const locked = file(form === "armored" ? armor.encode(bytes) : bytes);
    for (const end of ["", "\n", "\r\n"]) {
      const passphraseFile = file(PASSPHRASE + end);
      const identities = await loadIdentities(paths({ keyFile: locked, passphraseFile }));
      expect(recipientsOf(identities)).toEqual([age.recipient]);
      const plain = await loadIdentities(paths({ keyFile: file(age.identity) }));
      expect(identities.fingerprintKey).toEqual(plain.fingerprintKey);
    }
  });

  test.each([
    ["another passphrase", `${PASSPHRASE} `, "key-unreadable", "the passphrase does not open"],
    ["an empty passphrase", "\n", "key-malformed", "holds no passphrase"],
    ["none", null, "key-unreadable", "is under a passphrase"],
  ])("%s: refused, and nothing of either is said", async (_, passphrase, code, message) => {
    const locked = file(await encrypted(age.identity));
    const passphraseFile = passphrase === null ? null : file(passphrase);
    const fault = await faultOf(loadIdentities(paths({ keyFile: locked, passphraseFile })));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
    expect(said(fault)).not.toMatch(/correct|horse|AGE-SECRET/);
  });

  test("a work factor beyond a server's memory is refused before any work", async () => {
    const bytes = Buffer.from(await encrypted(age.identity)).toString("latin1");
    const heavy = Buffer.from(bytes.replace(/^(-> scrypt \S+) 4$/m, "$1 21"), "latin1");
    const fault = await faultOf(loadIdentities(paths({ keyFile: file(heavy), passphraseFile: file(PASSPHRASE) })));
    expect(fault).toMatchObject({
      code: "key-malformed",
      message: expect.stringContaining("21, more than 20") as string,
    });
  });

  test("one that is encrypted to a recipient, cut off, or holds no key is named as such", async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(age.recipient);
    const cases = [
      [await encrypter.encrypt(age.identity), "to a recipient, not under a passphrase"],
      [(await encrypted(age.identity)).subarray(0, 180), "a damaged age file"],
      [await encrypted("nothing"), "not an age key"],
    ] as const;
    for (const [bytes, message] of cases) {
      const fault = await faultOf(loadIdentities(paths({ keyFile: file(bytes), passphraseFile: file(PASSPHRASE) })));
      expect(fault).toMatchObject({ code: "key-malformed", message: expect.stringContaining(message) as string });
    }
  });
});

describe("a keyring", () => {
  test("makes identities again only where a file changed, and tries a passphrase that failed once only", async () => {
    const locked = file(await encrypted(age.identity));
    const passphraseFile = file("wrong");
    const keyring = new Keyring(paths({ keyFile: locked, passphraseFile }));
    const [first, second] = [await faultOf(keyring.load()), await faultOf(keyring.load())];
    expect(second).toBe(first);
    writeFileSync(passphraseFile, PASSPHRASE);
    const identities = await keyring.load();
    expect(await keyring.load()).toBe(identities);
    writeFileSync(locked, readFileSync(keyFile));
    expect(recipientsOf(await keyring.load())).toHaveLength(2);
  });
});
