import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { armor } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wrapDataKey } from "../../src/bundle/datakey.ts";
import { decryptPlain, describeBundle, generateIdentity } from "../../src/bundle/index.ts";
import { loadIdentities } from "../../src/keys.ts";
import { sidecrypt, workshop, type Workshop } from "./harness.ts";

const SECRETS = { BOT1_API_KEY: "old-canary-value", REDIS_PASSWORD: "hunter2hunter2" };

let shop: Workshop;
let other: { identity: string; recipient: string };
beforeEach(async () => {
  shop = await workshop(SECRETS);
  other = await generateIdentity();
});
afterEach(() => shop.remove());

const run = (...argv: readonly string[]) => sidecrypt(argv, { env: shop.env });
const text = () => readFile(shop.bundle, "utf8");
const recipients = async () => describeBundle(await readFile(shop.bundle)).recipients;
const writeRule = (age: readonly string[]) =>
  writeFile(join(shop.dir, ".sops.yaml"), `creation_rules:\n  - age: [${age.join(", ")}]\n`);

async function plaintext(keyFile = join(shop.dir, "age.key")): Promise<string> {
  const identities = await loadIdentities({ keyFile, sshKeyFile: null, passphraseFile: null });
  return Buffer.from((await decryptPlain(await readFile(shop.bundle), identities)).bytes).toString();
}

/** The lines of values, which a new data key makes anew. */
const valueLines = (bundle: string): string[] => bundle.split("\n").filter((line) => /^(BOT|REDIS)/.test(line));

/** As somebody may who has no key: nothing authenticates the list. */
async function putIn(recipient: string, enc = "of-nothing"): Promise<void> {
  const name = `sops_age__list_${(await recipients()).length}__map`;
  const entry = `${name}_enc=${enc}\n${name}_recipient=${recipient}\n`;
  await writeFile(shop.bundle, (await text()).replace("sops_lastmodified=", `${entry}sops_lastmodified=`));
}

/** What opens it, or does not. */
async function openedBy({ identity }: { identity: string }): Promise<string> {
  const keyFile = join(shop.dir, "their.key");
  await writeFile(keyFile, identity);
  return plaintext(keyFile);
}

function sshPublicKey(): string {
  const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  const parts = [Buffer.from("ssh-ed25519"), Buffer.from(x, "base64url")];
  const wire = Buffer.concat(parts.flatMap((part) => [Buffer.from([0, 0, 0, part.length]), part]));
  return `ssh-ed25519 ${wire.toString("base64")}`;
}

describe("sidecrypt recipients", () => {
  it("adds one, and leaves every value's ciphertext as it is", async () => {
    const before = await text();
    const { status, stdout, stderr } = await run("recipients", "add", other.recipient);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: "",
      stderr: `sidecrypt: added ${other.recipient}\n`,
    });
    expect(await recipients()).toEqual([shop.recipient, other.recipient]);
    expect(valueLines(await text())).toEqual(valueLines(before));
    await writeFile(join(shop.dir, "other.key"), other.identity);
    expect(await plaintext(join(shop.dir, "other.key"))).toContain("BOT1_API_KEY=old-canary-value");
  });

  it("removes one under a new data key, and says what that does not undo", async () => {
    await run("recipients", "add", other.recipient);
    const before = await text();
    const { status, stderr } = await run("recipients", "remove", other.recipient);
    expect(status).toBe(0);
    expect(stderr).toContain(`removed ${other.recipient}`);
    expect(stderr).toContain("still knows the old values, and reads them in git's history: rotate each at its issuer");
    expect(await recipients()).toEqual([shop.recipient]);
    expect(valueLines(await text()).filter((line) => before.includes(line))).toEqual([]);
    expect(await plaintext()).toBe("BOT1_API_KEY=old-canary-value\nREDIS_PASSWORD=hunter2hunter2\n");
  });

  it("lists them without a key, and what the rule says otherwise", async () => {
    await writeRule([other.recipient]);
    const { status, stdout, stderr } = await sidecrypt(["recipients", "list", "--bundle", shop.bundle]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${shop.recipient}\n` });
    expect(stderr).toContain(`the file alone has ${shop.recipient}; the rule alone has ${other.recipient}`);
    expect(stderr).toContain(`hint: sidecrypt recipients sync --bundle ${shop.bundle}`);
  });

  it("follows the rule in .sops.yaml, and then has nothing to do", async () => {
    const stranger = await generateIdentity();
    await run("recipients", "add", stranger.recipient);
    await writeRule([other.recipient, shop.recipient]);
    expect((await run("recipients", "sync")).stderr).toContain(`removed ${stranger.recipient}`);
    expect(await recipients()).toEqual([other.recipient, shop.recipient]);
    const before = await text();
    const { status, stderr } = await run("recipients", "sync");
    expect(status).toBe(0);
    expect(stderr).toContain("is encrypted for exactly these already");
    expect(await text()).toBe(before);
  });

  it.each([
    [
      "what nobody's key here would open",
      () => ["remove", shop.recipient],
      3,
      "no key of yours would open it any more",
    ],
    ["somebody who is not there", () => ["remove", "age1nobody"], 2, "is not encrypted for age1nobody"],
    ["no recipient at all", () => ["add", "not-a-key"], 3, "is not an age recipient"],
    ["a sync without rules", () => ["sync"], 2, "there is no .sops.yaml with creation rules"],
    ["a recipient for sync", () => ["sync", "age1x"], 2, "recipients sync takes no recipient"],
    ["nobody to add", () => ["add"], 2, "recipients add: name the recipient"],
    ["an action that does not exist", () => ["delete"], 2, "say what to do: list, add, remove, sync"],
  ])("refuses %s, and writes nothing", async (_, argv, status, message) => {
    await run("recipients", "add", other.recipient);
    const before = await text();
    const result = await run("recipients", ...argv());
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(message);
    expect(await text()).toBe(before);
  });

  it("warns where sync would undo it", async () => {
    await writeRule([shop.recipient]);
    const { status, stderr } = await run("recipients", "add", other.recipient);
    expect(status).toBe(0);
    expect(stderr).toContain("the rule in .sops.yaml says otherwise");
  });

  it("takes the one who was added first into the rule for no stranger, nor the one who was taken out of it first", async () => {
    const absent = await generateIdentity();
    await writeRule([shop.recipient, other.recipient, absent.recipient]);
    const added = await run("recipients", "add", other.recipient);
    expect({ status: added.status, said: added.stderr.includes("says otherwise") }).toEqual({ status: 0, said: true });
    await writeRule([shop.recipient]);
    expect(await run("recipients", "remove", other.recipient)).toMatchObject({ status: 0 });
    expect(await recipients()).toEqual([shop.recipient]);
  });

  it("knows an SSH key under any comment", async () => {
    const key = sshPublicKey();
    await run("recipients", "add", `${key} alice@laptop`, `${key} alice@work`);
    expect(await recipients()).toEqual([shop.recipient, `${key} alice@laptop`]);
    expect((await run("recipients", "add", key)).stderr).toContain("is encrypted for exactly these already");
    await writeRule([key, shop.recipient]);
    expect((await run("recipients", "list")).stderr).not.toContain("not what the rule");
    expect((await run("rotate")).status).toBe(0);
    await writeRule([`${key} alice@home`, other.recipient, shop.recipient]);
    const { stderr } = await run("recipients", "sync");
    expect(stderr.split("\n").filter((line) => /(added|removed) /.test(line))).toEqual([
      `sidecrypt: added ${other.recipient}`,
    ]);
    expect(await recipients()).toEqual([`${key} alice@laptop`, other.recipient, shop.recipient]);
    expect((await run("recipients", "remove", key)).status).toBe(0);
    expect(await recipients()).toEqual([other.recipient, shop.recipient]);
  });

  it("writes only for those whom SIDECRYPT_RECIPIENTS pins, before and after the pins are changed", async () => {
    const pinned = (argv: readonly string[], ...pins: readonly string[]) =>
      sidecrypt(["recipients", ...argv], { env: { ...shop.env, SIDECRYPT_RECIPIENTS: pins.join(" ") } });
    const before = await text();
    const refused = await pinned(["add", other.recipient], shop.recipient);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain(`the recipient ${other.recipient} was added; nothing was written`);
    expect(await text()).toBe(before);
    expect((await pinned(["add", other.recipient], shop.recipient, other.recipient)).status).toBe(0);
    expect((await pinned(["add", other.recipient], shop.recipient)).stderr).toContain("was added");
    expect((await pinned(["remove", other.recipient], shop.recipient)).status).toBe(0);
    expect(await recipients()).toEqual([shop.recipient]);
  });
});

describe("an entry that opens for nobody", () => {
  const pq = () => generateIdentity("hybrid");

  it.each(["add", "sync"])("is made anew by %s, and the others stay", async (action) => {
    await putIn(other.recipient);
    await writeRule([shop.recipient, other.recipient]);
    const entries = async () => (await text()).split("\n").filter((line) => line.startsWith("sops_age__"));
    const before = await entries();
    const values = valueLines(await text());
    const { status, stderr } = await run("recipients", action, ...(action === "add" ? [other.recipient] : []));
    expect(status).toBe(0);
    expect(stderr).toContain(`sidecrypt: renewed the entry of ${other.recipient}: it opened for nobody\n`);
    expect(await openedBy(other)).toContain("BOT1_API_KEY=old-canary-value");
    expect((await entries()).filter((line) => before.includes(line))).toEqual(
      before.filter((line) => !line.includes("nothing")),
    );
    expect(valueLines(await text())).toEqual(values);
    expect((await run("recipients", action, ...(action === "add" ? [other.recipient] : []))).stderr).toContain(
      "already",
    );
  });

  it.each([
    ["another one's kind", async () => (await wrapDataKey(Buffer.alloc(32), sshPublicKey())).enc],
    ["another kind of age key", async () => (await wrapDataKey(Buffer.alloc(32), (await pq()).recipient)).enc],
    ["a shorter key", async () => (await wrapDataKey(Buffer.alloc(31), other.recipient)).enc],
    ["no payload", () => armor.encode(Buffer.from("age-encryption.org/v1\n-> X25519 AAAA\nAAAA\n--- AAAA\n"))],
    ["no header", () => armor.encode(Buffer.alloc(200))],
  ])("is one with %s", async (_, enc) => {
    await putIn(other.recipient, (await enc()).replaceAll("\n", "\\n"));
    expect((await run("recipients", "add", other.recipient)).stderr).toContain("renewed");
    expect(await openedBy(other)).toContain("BOT1_API_KEY=old-canary-value");
  });

  it.each(["x25519", "hybrid", "ssh"] as const)("is none of %s that we wrote", async (kind) => {
    const recipient = kind === "ssh" ? `${sshPublicKey()} me` : (await generateIdentity(kind)).recipient;
    await run("recipients", "add", recipient);
    const before = await text();
    expect((await run("recipients", "add", recipient)).stderr).toContain("already");
    expect(await text()).toBe(before);
  });
});

describe("one key under several spellings", () => {
  it("is one recipient of a new bundle, and of a rule", async () => {
    const ssh = sshPublicKey();
    const named = [shop.recipient, `${ssh} me`, shop.recipient.toUpperCase(), `${ssh} you`, ssh];
    const plain = join(shop.dir, "plain.txt");
    await writeFile(plain, "A=one-value\n");
    for (const [file, ...argv] of [["a.env", "--age", named.join(",")], ["b.env"]] as const) {
      if (argv.length === 0) await writeRule(named);
      const made = join(shop.dir, file);
      const { status, stderr } = await run("encrypt", plain, "-o", made, ...argv);
      expect(status, stderr).toBe(0);
      expect(describeBundle(await readFile(made)).recipients).toEqual([shop.recipient, `${ssh} me`]);
    }
  });

  it("is there already, in capitals too, which age alone does not take", async () => {
    const before = await text();
    expect((await run("recipients", "add", shop.recipient.toUpperCase())).stderr).toContain("already");
    const { status, stderr } = await run("recipients", "add", other.recipient.toUpperCase());
    expect(status).toBe(3);
    expect(stderr).toContain("age takes a recipient in small letters alone");
    expect(await text()).toBe(before);
  });
});

describe("a recipient that somebody put into the file", () => {
  let evil: typeof other;
  beforeEach(async () => {
    evil = await generateIdentity();
  });

  it("gets no data key when another one is added", async () => {
    await putIn(evil.recipient);
    const entries = async () => (await text()).split("\n").filter((line) => line.startsWith("sops_age__"));
    const before = await entries();
    expect((await run("recipients", "add", other.recipient)).status).toBe(0);
    expect(await recipients()).toEqual([shop.recipient, evil.recipient, other.recipient]);
    expect((await entries()).slice(0, before.length)).toEqual(before);
    expect(await openedBy(other)).toContain("BOT1_API_KEY=old-canary-value");
    await expect(openedBy(evil)).rejects.toMatchObject({ code: "key-no-match" });
  });

  it("is named where the rule does not name it, and sync takes it out", async () => {
    await run("recipients", "add", other.recipient);
    await writeRule([shop.recipient, other.recipient]);
    await putIn(evil.recipient);
    const before = await text();
    const alice = await generateIdentity();
    for (const argv of [
      ["add", alice.recipient],
      ["add", other.recipient],
      ["remove", other.recipient],
    ]) {
      const { status, stderr } = await run("recipients", ...argv);
      expect(status).toBe(2);
      expect(stderr).toContain(`the rule in .sops.yaml names: the file alone has ${evil.recipient}\n`);
      expect(stderr).toContain(`sidecrypt recipients sync --bundle ${shop.bundle}`);
    }
    expect(await text()).toBe(before);
    expect((await run("recipients", "sync")).status).toBe(0);
    expect(await recipients()).toEqual([shop.recipient, other.recipient]);
    await expect(openedBy(evil)).rejects.toMatchObject({ code: "key-no-match" });
  });

  it("shows when one is removed and no rule tells", async () => {
    await run("recipients", "add", other.recipient);
    await putIn(evil.recipient);
    const { status, stderr } = await run("recipients", "remove", other.recipient);
    expect(status).toBe(0);
    expect(stderr).toContain(
      `these have it:\nsidecrypt:   ${shop.recipient}\nsidecrypt:   ${evil.recipient}\nsidecrypt: warning: `,
    );
  });
});

describe("sidecrypt rotate", () => {
  it("makes a new data key for the same recipients and values", async () => {
    await run("recipients", "add", other.recipient);
    const before = await text();
    const { status, stderr } = await run("rotate", shop.bundle);
    expect(status).toBe(0);
    expect(stderr).toContain("has a new data key; the values are the same");
    expect(stderr).toContain(`sidecrypt:   ${other.recipient}\n`);
    expect(await recipients()).toEqual([shop.recipient, other.recipient]);
    expect(valueLines(await text()).filter((line) => before.includes(line))).toEqual([]);
    expect(await plaintext()).toContain("REDIS_PASSWORD=hunter2hunter2\n");
  });

  it("gives the new key to nobody who put himself into the file", async () => {
    await run("recipients", "add", other.recipient);
    await writeRule([shop.recipient]);
    const before = await text();
    const { status, stderr } = await run("rotate");
    expect(status).toBe(2);
    expect(stderr).toContain(`the file alone has ${other.recipient}`);
    expect(await text()).toBe(before);
  });
});
