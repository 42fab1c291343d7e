/** What opens the bundle is searched for, in every encoding: keys that the real programs make. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Encrypter, generateHybridIdentity, generateX25519Identity } from "age-encryption";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyNeedles } from "../../src/cli/key-needles.ts";
import { createSearcher } from "../../src/search/index.ts";

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), "sc-keys-"))));
afterEach(() => rm(directory, { recursive: true }));

interface Content {
  readonly key?: string | Uint8Array;
  readonly ssh?: string;
  readonly passphrase?: string;
}

async function needlesOf({ key, ssh, passphrase }: Content) {
  const place = async (name: string, content: string | Uint8Array | undefined): Promise<string | null> => {
    if (content === undefined) return null;
    await writeFile(join(directory, name), content, { mode: 0o600 });
    return join(directory, name);
  };
  const keyFile = (await place("age.key", key)) ?? join(directory, "none");
  return keyNeedles({ keyFile, sshKeyFile: await place("ssh", ssh), passphraseFile: await place("word", passphrase) });
}

function sshKey(name: string, ...options: readonly string[]): Promise<string> {
  execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "bots", "-f", join(directory, name), ...options]);
  return readFile(join(directory, name), "utf8");
}

test("every identity of the key file is one, of either kind, and none of its comments", async () => {
  const identities = [await generateX25519Identity(), await generateHybridIdentity()];
  const needles = await needlesOf({ key: `# created: today\r\n# public key: age1x\r\n${identities.join("\r\n")}\r\n` });
  expect(needles.map(({ name, value }) => [name, Buffer.from(value).toString()])).toEqual(
    identities.map((identity) => ["the age identity", identity]),
  );
});

test("a key file under a passphrase gives both: the identity in it, and the passphrase", async () => {
  const identity = await generateX25519Identity();
  const encrypter = new Encrypter();
  encrypter.setPassphrase("correct-horse-9-battery");
  encrypter.setScryptWorkFactor(2);
  const needles = await needlesOf({ key: await encrypter.encrypt(identity), passphrase: "correct-horse-9-battery\n" });
  expect(needles.map(({ name, value }) => [name, Buffer.from(value).toString()])).toEqual([
    ["the age identity", identity],
    ["the passphrase", "correct-horse-9-battery"],
  ]);
});

test.each([
  ["ed25519", []],
  ["rsa", ["-b", "2048"]],
  ["rsa", ["-b", "2048", "-m", "PEM"]],
])(
  "an SSH key of kind %s %j is found in every encoding; its public part and another one are not",
  async (kind, options) => {
    const ssh = await sshKey("one", "-t", kind, ...options);
    const other = await sshKey("other", "-t", kind, ...options);
    const identity = await generateX25519Identity();
    const searcher = createSearcher(await needlesOf({ key: identity, ssh }));
    const names = (text: string): string[] => [...new Set(searcher.search(text).map(({ name }) => name))];
    for (const text of [
      ssh,
      JSON.stringify({ ssh }),
      Buffer.from(`x${ssh}`).toString("base64"),
      encodeURIComponent(ssh),
    ]) {
      expect(names(text)).toEqual(["the SSH key"]);
    }
    const open = await readFile(join(directory, "one.pub"), "utf8");
    expect([names(open), names(open.replace(/(.{70})/g, "$1\n")), names(other)]).toEqual([[], [], []]);
  },
);

test("what is not there gives none", async () => {
  expect(await needlesOf({})).toEqual([]);
});
