/** SSH keys made by ssh-keygen itself, against the real sops both ways. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stanza } from "age-encryption";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wrapDataKey } from "../../src/bundle/datakey.ts";
import {
  createBundle,
  describeBundle,
  editPlain,
  encryptPlain,
  open,
  parseIdentities,
  readIdentities,
  recipientsOf,
  rewrap,
  type Format,
} from "../../src/bundle/index.ts";
import { sshIdentity, sshRecipient } from "../../src/bundle/ssh-age.ts";
import { parseSshPrivateKey, parseSshRecipient } from "../../src/bundle/ssh-key.ts";
import { asBundle, faultOf, newKeys, NOW, openText, RAW, said, textOf } from "./support.ts";
import { findSops, Sops } from "./sops.ts";

const directory = mkdtempSync(join(tmpdir(), "sidecrypt-ssh-"));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

interface Pair {
  readonly text: string;
  readonly recipient: string;
}

function keygen(name: string, ...args: readonly string[]): Pair {
  const file = join(directory, name);
  execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "me@home", ...args, "-f", file]);
  return { text: readFileSync(file, "utf8"), recipient: readFileSync(`${file}.pub`, "utf8").trim() };
}

let pairs: Readonly<Record<"ed25519" | "rsa", Pair>>;
beforeAll(() => {
  pairs = { ed25519: keygen("ed25519", "-t", "ed25519"), rsa: keygen("rsa", "-t", "rsa", "-b", "2048") };
});

const ssh = (pair: Pair) => readIdentities(null, { path: "id", text: pair.text });
const withoutComment = (recipient: string): string => recipient.split(" ").slice(0, 2).join(" ");
const KINDS = ["ed25519", "rsa"] as const;

describe.each(KINDS)("ssh-%s", (kind) => {
  test("the recipient of a private key is its public file, without the comment", async () => {
    const identities = await ssh(pairs[kind]);
    expect(recipientsOf(identities)).toEqual([withoutComment(pairs[kind].recipient)]);
  });

  test("what we encrypt to it we open with it, and only with it", async () => {
    const other = kind === "ed25519" ? keygen(`other-${kind}`, "-t", "ed25519") : pairs.ed25519;
    const file = await createBundle([pairs[kind].recipient], [["A", Buffer.from("one")]], NOW);
    expect(textOf(await open(asBundle(file), await ssh(pairs[kind]), RAW))).toEqual({ A: "one" });
    const fault = await faultOf(open(asBundle(file), await ssh(other), RAW));
    expect(fault.code).toBe("key-no-match");
    expect(fault.message).toContain(`ssh-${kind} …${withoutComment(pairs[kind].recipient).slice(-8)}`);
    expect(fault.message).not.toContain("me@home");
  });

  test("a stanza of another key, of another kind or with a broken body opens nothing", async () => {
    const recipient = parseSshRecipient(pairs[kind].recipient);
    if (recipient === null) throw new Error("no recipient");
    const [stanza] = await sshRecipient(recipient).wrapFileKey(Buffer.alloc(16, 7));
    const identity = sshIdentity(parseSshPrivateKey(pairs[kind].text, "id"));
    if (stanza === undefined) throw new Error("no stanza");
    expect(await identity.unwrapFileKey([stanza])).toEqual(Buffer.alloc(16, 7));
    const [name = "", tag = "", ...rest] = stanza.args;
    const opens = (args: string[], body = stanza.body) => identity.unwrapFileKey([new Stanza(args, body)]);
    const changed = stanza.body.map((byte, at) => (at === 3 ? byte ^ 1 : byte));
    expect(await opens([name, tag, ...rest], changed)).toBeNull();
    expect(await opens(["X25519", tag, ...rest])).toBeNull();
    expect(await opens([name, "AAAAAA", ...rest])).toBeNull();
    expect(() => opens([name, tag, ...rest, "more"])).toThrow(RangeError);
  });
});

test("a share of small order is refused, since it would make a key that everybody knows", async () => {
  const key = parseSshPrivateKey(pairs.ed25519.text, "id");
  const recipient = parseSshRecipient(pairs.ed25519.recipient);
  const [stanza] = recipient === null ? [] : await sshRecipient(recipient).wrapFileKey(Buffer.alloc(16));
  const args = [...(stanza?.args.slice(0, 2) ?? []), Buffer.alloc(32).toString("base64").replace("=", "")];
  expect(() => sshIdentity(key).unwrapFileKey([new Stanza(args, Buffer.alloc(32))])).toThrow();
});

test("age and SSH keys are merged, and ids hang on the age key where there is one", async () => {
  const { identity, recipient } = await newKeys();
  const both = await readIdentities({ path: "k", text: identity }, { path: "id", text: pairs.ed25519.text });
  expect(recipientsOf(both)).toEqual([recipient, withoutComment(pairs.ed25519.recipient)]);
  expect(both.fingerprintKey).toEqual((await parseIdentities(identity, "k")).fingerprintKey);
  const [one, again, other] = [await ssh(pairs.ed25519), await ssh(pairs.ed25519), await ssh(pairs.rsa)];
  expect(one.fingerprintKey).toEqual(again.fingerprintKey);
  expect(one.fingerprintKey).not.toEqual(other.fingerprintKey);
});

describe("refused by name, without a character of it", () => {
  const BODY = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
  test.each([
    ["PEM", `-----BEGIN RSA PRIVATE KEY-----\n${BODY}\n-----END RSA PRIVATE KEY-----\n`, "an SSH key in PEM form"],
    ["PKCS 8", `-----BEGIN PRIVATE KEY-----\n${BODY}\n`, "an SSH key in PEM form"],
    ["encrypted PKCS 8", `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${BODY}\n`, "an SSH key under a passphrase"],
    ["a public key", `ssh-ed25519 ${BODY}`, "the public half"],
    ["an age key", `AGE-SECRET-KEY-1${BODY}`, "an age key file"],
    ["cut off", `-----BEGIN OPENSSH PRIVATE KEY-----\n${BODY}\n`, "a damaged SSH key"],
    ["damaged", `-----BEGIN OPENSSH PRIVATE KEY-----\n${BODY}\n-----END OPENSSH PRIVATE KEY-----`, "a damaged SSH key"],
    ["empty", "", "no SSH private key"],
  ])("%s", async (_, text, message) => {
    const fault = await faultOf(readIdentities(null, { path: "/run/id", text }));
    expect(fault.code).toBe("key-malformed");
    expect(fault.message).toContain(`/run/id holds ${message}`);
    expect(said(fault)).not.toContain(BODY.slice(0, 8));
  });

  test.each([
    ["a passphrase", ["-t", "ed25519", "-N", "secret"], "under a passphrase"],
    ["ECDSA", ["-t", "ecdsa"], "ecdsa-sha2-nistp256"],
    ["RSA of 1024 bits", ["-t", "rsa", "-b", "1024"], "a size that age does not take"],
  ])("%s, from ssh-keygen", async (name, args, message) => {
    const pair = keygen(name.replaceAll(" ", "-"), ...args);
    const fault = await faultOf(ssh(pair));
    expect(fault.code).toBe("key-malformed");
    expect(fault.message).toContain(message);
  });

  test("every truncation and every changed byte of a key is an error of ours, or a key", async () => {
    const [head = "", ...rest] = pairs.ed25519.text.trimEnd().split("\n");
    const tail = rest.pop() ?? "";
    const blob = Buffer.from(rest.join(""), "base64");
    for (let at = 0; at < blob.length; at += 1) {
      const changed = Buffer.from(blob);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      for (const bytes of [changed, blob.subarray(0, at)]) {
        const text = `${head}\n${bytes.toString("base64")}\n${tail}\n`;
        const done = await readIdentities(null, { path: "id", text }).then(
          () => "a key",
          (thrown: unknown) => (thrown as { code?: string }).code,
        );
        expect(["a key", "key-malformed"]).toContain(done);
      }
    }
  });
});

test.each([
  "ssh-ed25519",
  "ssh-ed25519 AAAA",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==",
  "ssh-dss AAAAB3NzaC1kc3M=",
  "age1qqqq",
])("no SSH recipient: %s", async (text) => {
  expect(parseSshRecipient(text)).toBeNull();
  expect((await faultOf(wrapDataKey(Buffer.alloc(32), text))).code).toBe("key-malformed");
});

const binary = findSops();
if (binary === null && process.env["CI"] === "true") test("there is a real sops in CI", () => expect.fail("no sops"));

describe.skipIf(binary === null).each(KINDS)("with the real sops, ssh-%s", (kind) => {
  test("it opens what we write, and we open what it writes", { timeout: 60_000 }, async () => {
    const { text, recipient } = pairs[kind];
    const age = await newKeys();
    const file = join(directory, `${kind}.sops-key`);
    writeFileSync(file, text, { mode: 0o600 });
    const sops = new Sops(binary ?? "", "", { SOPS_AGE_SSH_PRIVATE_KEY_FILE: file });
    try {
      const theirs = await sops.encrypt("A=one\nB=two\n", [age.recipient, recipient]);
      expect(textOf(await open(asBundle(theirs), await ssh(pairs[kind]), RAW))).toEqual({ A: "one", B: "two" });
      expect(textOf(await openText(theirs, age, RAW))).toEqual({ A: "one", B: "two" });
      const ours = await createBundle([age.recipient, recipient], [["C", Buffer.from("three")]], NOW);
      expect(await sops.values(ours)).toEqual({ C: "three" });
    } finally {
      sops.close();
    }
  });
});

describe("a label beyond ASCII", () => {
  const LABEL = "jürgen@büro – 🔑";
  const named = (): string => `${withoutComment(pairs.ed25519.recipient)} ${LABEL}`;
  const plain = (format: Format): Buffer =>
    Buffer.from(format === "json" ? '{"A": "one"}' : format === "yaml" ? "A: one\n" : "A=one\n");
  const encrypt = (format: Format, recipients: readonly string[]) =>
    encryptPlain(plain(format), format, { recipients, rule: null, now: NOW, allowEmpty: new Set() });

  test.each(["dotenv", "json", "yaml", "binary"] as const)("%s: is UTF-8 in the file, and stays it", async (format) => {
    const { identities, recipient } = await newKeys();
    const file = await encrypt(format, [recipient, named()]);
    const edited = await editPlain(
      file,
      identities,
      Buffer.from(String(plain(format)).replace("one", "two")),
      NOW,
      RAW,
    );
    const moved = await rewrap(edited, identities, [named(), recipient], NOW);
    for (const bytes of [file, edited, moved]) {
      expect(new TextDecoder("utf-8", { fatal: true }).decode(bytes)).toContain(LABEL);
      expect(describeBundle(bytes).recipients.toSorted()).toEqual([named(), recipient].toSorted());
    }
  });

  test("that is no UTF-8 is kept byte for byte", async () => {
    const { identities, recipient } = await newKeys();
    const file = Buffer.from(await encrypt("dotenv", [recipient, named()])).toString("latin1");
    const odd = Buffer.from(file.replace(/ j.*$/m, " j\xfcrgen \xf0\x9f"), "latin1");
    const { recipients } = describeBundle(odd);
    const after = [
      await rewrap(odd, identities, recipients, NOW),
      await editPlain(odd, identities, Buffer.from("A=two\n"), NOW, RAW),
    ];
    for (const bytes of after) expect(Buffer.from(bytes).toString("latin1")).toContain(" j\xfcrgen \xf0\x9f\n");
  });

  test.skipIf(binary === null)("of sops' own files is the text that it was given", { timeout: 60_000 }, async () => {
    const { identities, identity, recipient } = await newKeys();
    const sops = new Sops(binary ?? "", `${identity}\n`);
    try {
      for (const format of ["dotenv", "json", "yaml", "binary"] as const) {
        const types = ["--input-type", format, "--output-type", format];
        const file = await sops.encrypt(plain(format), [recipient, named()], ...types);
        expect(describeBundle(file).recipients, format).toEqual([recipient, named()]);
        const changed = String(plain(format)).replace("one", "two");
        const edited = await editPlain(file, identities, Buffer.from(changed), NOW, RAW);
        expect((await sops.on(edited, "decrypt", ...types, "FILE")).stdout.toString(), format).toContain("two");
      }
    } finally {
      sops.close();
    }
  });
});

test.each(["ed25519", "rsa"] as const)("a recipient of kind %s with more behind its key is none", (kind) => {
  const [name = "", base64 = ""] = pairs[kind].recipient.split(" ");
  const longer = Buffer.concat([Buffer.from(base64, "base64"), Buffer.alloc(3)]);
  expect(parseSshRecipient(`${name} ${longer.toString("base64")}`)).toBeNull();
});
