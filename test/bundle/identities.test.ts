import { inspect } from "node:util";
import { generateHybridIdentity, generateIdentity as ageIdentity, identityToRecipient } from "age-encryption";
import { expect, test } from "vitest";
import { generateIdentity, parseIdentities, recipientsOf } from "../../src/bundle/index.ts";
import { faultOf, said } from "./support.ts";

test("a key file holds keys of both kinds, comments, blank lines, and may have Windows line ends", async () => {
  const keys = [await ageIdentity(), await generateHybridIdentity(), await ageIdentity()] as const;
  const file = `# created: today\r\n${keys[0]}\r\n\r\n${keys[1]}  \n#${keys[2]}\n${keys[2]}`;
  const identities = await parseIdentities(file, "age.key");
  expect(recipientsOf(identities)).toEqual(await Promise.all(keys.map((key) => identityToRecipient(key))));
});

test("the fingerprint key hangs on the first key only", async () => {
  const [a, b] = [await ageIdentity(), await ageIdentity()];
  const [one, two, other] = await Promise.all(
    [`${a}\n`, `#\n${a}\r\n${b}\n`, `${b}\n${a}\n`].map((f) => parseIdentities(f, "k")),
  );
  expect(one?.fingerprintKey).toHaveLength(32);
  expect(two?.fingerprintKey).toEqual(one?.fingerprintKey);
  expect(other?.fingerprintKey).not.toEqual(one?.fingerprintKey);
});

test("a generated identity is one that we read", async () => {
  const { identity, recipient } = await generateIdentity();
  expect(recipientsOf(await parseIdentities(identity, "k"))).toEqual([recipient]);
});

test("printing identities shows no key", async () => {
  const { identity } = await generateIdentity();
  const identities = await parseIdentities(identity, "k");
  expect(inspect(identities, { depth: 9, showHidden: true }) + JSON.stringify(identities)).not.toContain(
    identity.slice(20),
  );
});

const SEED = "QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGP00";

test.each([
  ["empty", "", "holds no age key"],
  ["comments only", "# AGE-SECRET-KEY-1\n\n", "holds no age key"],
  ["lower case", `age-secret-key-1${SEED.toLowerCase()}`, "line 1: the key is in lower case"],
  ["a recipient", `#\nage1${SEED.toLowerCase()}`, "line 2: a public recipient"],
  ["a plugin", `AGE-PLUGIN-YUBIKEY-1${SEED}`, "plugins are not supported"],
  ["an SSH key", "-----BEGIN OPENSSH PRIVATE KEY-----", "SSH keys belong into"],
  ["leading blanks", ` AGE-SECRET-KEY-1${SEED}`, "blanks before the key"],
  ["cut off", `AGE-SECRET-KEY-1${SEED.slice(9)}`, "not an age key"],
  ["two on a line", `AGE-SECRET-KEY-1${SEED} AGE-SECRET-KEY-1${SEED}`, "not an age key"],
  ["a wrong checksum", `AGE-SECRET-KEY-1${SEED}`, "line 1: the key is mistyped"],
  ["a wrong checksum, post-quantum", `AGE-SECRET-KEY-PQ-1${SEED}`, "the key is mistyped"],
])("%s: refused by place and shape, without a character of it", async (_, file, message) => {
  const fault = await faultOf(parseIdentities(file, "/run/age.key"));
  expect(fault.code).toBe("key-malformed");
  expect(fault.message).toContain("/run/age.key");
  expect(fault.message).toContain(message);
  expect(said(fault).toUpperCase()).not.toContain(SEED.slice(0, 8));
});

test("a key with one character changed never shows itself", async () => {
  const { identity } = await generateIdentity();
  const mistyped = identity.slice(0, -1) + (identity.endsWith("Q") ? "P" : "Q");
  const fault = await faultOf(parseIdentities(mistyped, "k"));
  expect(said(fault)).not.toContain(identity.slice(16, 24));
});
