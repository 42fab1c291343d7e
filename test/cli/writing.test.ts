import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeBundle, generateIdentity } from "../../src/bundle/index.ts";
import { sidecrypt, workshop, type Options, type Workshop } from "./harness.ts";

const CANARY = "c4nary-value";
const PLAIN = `# note\nBOT1_API_KEY=${CANARY}\nREDIS_PASSWORD=hunter2hunter2\n`;

let shop: Workshop;
let plain: string;
beforeEach(async () => {
  shop = await workshop({ BOT1_API_KEY: CANARY, REDIS_PASSWORD: "hunter2hunter2" });
  plain = join(shop.dir, "plain.env");
  await writeFile(plain, PLAIN);
});
afterEach(() => shop.remove());

const run = (argv: readonly string[], options: Options = {}) => sidecrypt(argv, { env: shop.env, ...options });
const writeRules = (yaml: string) => writeFile(join(shop.dir, ".sops.yaml"), yaml.replaceAll("$ME", shop.recipient));
const decrypted = async (file: string) => (await run(["decrypt", file, "-o", "-"])).stdout;

describe("sidecrypt encrypt", () => {
  it("encrypts for the recipients of the first rule that matches the new file's path", async () => {
    await writeRules(
      "creation_rules:\n  - path_regex: ^out/\n    age: $ME\n    encrypted_regex: ^BOT\n  - age: age1x\n",
    );
    await mkdir(join(shop.dir, "out"));
    const target = join(shop.dir, "out/new.env");
    const { status, stdout, stderr } = await run(["encrypt", plain, "-o", target]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain(`sidecrypt: ${target} written; ${plain} still holds the plaintext\n`);
    const { recipients, rule } = describeBundle(await readFile(target));
    expect({ recipients, rule }).toEqual({
      recipients: [shop.recipient],
      rule: { field: "encrypted_regex", text: "^BOT" },
    });
    expect(await readFile(target, "utf8")).toMatch(/^BOT1_API_KEY=ENC.*\nREDIS_PASSWORD=hunter2hunter2$/m);
    expect(await decrypted(target)).toBe(PLAIN);
  });

  it("encrypts to stdout for --age, and from stdin", async () => {
    const argv = ["encrypt", "-", "--filename-override", join(shop.dir, "x.env"), "--age", `${shop.recipient}, `];
    const { status, stdout, stderr } = await run(argv, { stdin: PLAIN });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await writeFile(join(shop.dir, "x.env"), stdout);
    expect(await decrypted(join(shop.dir, "x.env"))).toBe(PLAIN);
  });

  it("takes as much from stdin as from a file, and no more", async () => {
    const argv = ["encrypt", "-", "--filename-override", join(shop.dir, "x.env"), "--age", shop.recipient];
    const long = `#${"x".repeat(64 * 1024)}\n`.repeat(20);
    const { status, stdout } = await run(argv, { stdin: `${long}${PLAIN}` });
    expect(status).toBe(0);
    expect(stdout.length).toBeGreaterThan(1024 * 1024);
    const mebibyte = Buffer.alloc(2 ** 20, "x");
    expect(await run(argv, { stdin: Array<Buffer>(17).fill(mebibyte) })).toEqual({
      status: 3,
      stdout: "",
      stderr:
        "sidecrypt: error: stdin is larger than 16384 KiB\n" +
        "sidecrypt: hint: a bundle of secrets is some kilobytes: is it the right file?\n",
    });
  });

  it("writes nothing that the pins refuse", async () => {
    const { recipient } = await generateIdentity();
    const target = join(shop.dir, "new.env");
    const pinned = (pins: Record<string, string>, ...argv: readonly string[]) =>
      run(["encrypt", plain, "--age", `${shop.recipient},${recipient}`, ...argv], { env: { ...shop.env, ...pins } });
    for (const argv of [[], ["-o", target], ["-i"]]) {
      const { status, stdout, stderr } = await pinned({ SIDECRYPT_RECIPIENTS: shop.recipient }, ...argv);
      expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
      expect(stderr).toContain(`the recipient ${recipient} was added; nothing was written`);
    }
    expect((await pinned({ SIDECRYPT_RULE: "encrypted_suffix=_KEY" }, "-o", target)).stderr).toContain("its rule is");
    await expect(stat(target)).rejects.toThrow("ENOENT");
    expect(await readFile(plain, "utf8")).toBe(PLAIN);
    const both = { SIDECRYPT_RECIPIENTS: `new.env: ${recipient} ${shop.recipient}` };
    expect((await pinned(both, "-o", target)).status).toBe(0);
  });

  it("replaces the file in place, mode and all, and warns of what is left of it", async () => {
    const argv = ["encrypt", "-i", plain, "--age", shop.recipient];
    expect((await run(argv)).stderr).toContain("what git or a backup has of it from before is plaintext still");
    expect(await readFile(plain, "utf8")).not.toContain(CANARY);
    expect(await decrypted(plain)).toBe(PLAIN);
    const { status, stderr } = await run(argv);
    expect(status).toBe(3);
    expect(stderr).toContain(`${plain}: the file is encrypted already`);
  });

  it("takes .env.production for the env file that it is, and other names for binary", async () => {
    for (const [name, encrypted] of [
      [".env.production", /^BOT1_API_KEY=ENC/m],
      ["secrets.txt", /binary is not written|"data": "ENC/],
    ] as const) {
      const { stdout, stderr } = await run(
        ["encrypt", "-", "--filename-override", join(shop.dir, name), "--age", shop.recipient],
        {
          stdin: PLAIN,
        },
      );
      expect(stdout + stderr).toMatch(encrypted);
    }
  });

  it("says where the key at hand will not open it", async () => {
    const { recipient } = await generateIdentity();
    const { status, stderr } = await run(["encrypt", plain, "--age", recipient]);
    expect(status).toBe(0);
    expect(stderr).toBe(`sidecrypt: warning: no key of yours will open it: it is for ${recipient}\n`);
  });

  it.each([
    ["no recipient", ["encrypt", "plain.env"], 2, "nobody to encrypt for: there is no .sops.yaml"],
    ["no file", ["encrypt"], 2, "name the plaintext file"],
    ["stdin without a name", ["encrypt", "-"], 2, "say for which file"],
    ["two ways out", ["encrypt", "plain.env", "-i", "-o", "x.env"], 2, "exclude each other"],
    ["an existing bundle", ["encrypt", "plain.env", "--age", "$ME", "-o", "prod.enc.env"], 2, "is not overwritten"],
    [
      "an unknown format",
      ["encrypt", "plain.env", "--age", "$ME", "--format", "dotnev"],
      2,
      "there is no format dotnev",
    ],
    ["what is not a recipient", ["encrypt", "plain.env", "--age", "age1x"], 3, "is not an age recipient"],
  ])("refuses %s", async (_, argv, status, message) => {
    const placed = argv.map((word) =>
      word.endsWith(".env") ? join(shop.dir, word) : word.replace("$ME", shop.recipient),
    );
    const result = await run(placed);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(message);
    expect(result.stdout + result.stderr).not.toContain(CANARY);
  });

  it("refuses a rule that would leave every value in plaintext, and one that matches nothing", async () => {
    await writeRules("creation_rules:\n  - age: $ME\n    encrypted_regex: ^(data|stringData)$\n");
    expect(await run(["encrypt", plain])).toMatchObject({ status: 3, stdout: "" });
    await writeRules("creation_rules:\n  - age: $ME\n    path_regex: prod\n");
    const { status, stderr } = await run(["encrypt", plain, "--age", shop.recipient]);
    expect(status).toBe(2);
    expect(stderr).toContain("no creation rule matches plain.env");
  });
});

describe("sidecrypt decrypt", () => {
  it("prints on a terminal, and in a pipe only what was asked for", async () => {
    const expected = `BOT1_API_KEY=${CANARY}\nREDIS_PASSWORD=hunter2hunter2\n`;
    expect(await run(["decrypt"], { terminal: true })).toEqual({ status: 0, stdout: expected, stderr: "" });
    const { status, stdout, stderr } = await run(["decrypt"]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("-o - for stdout");
    expect(await decrypted(shop.bundle)).toBe(expected);
  });

  it("prints one secret, byte for byte", async () => {
    expect((await run(["decrypt", "--name", "BOT1_API_KEY", "-o", "-"])).stdout).toBe(CANARY);
    const { status, stderr } = await run(["decrypt", "--name", "BOT1_API_KY", "-o", "-"]);
    expect(status).toBe(4);
    expect(stderr).toContain("did you mean BOT1_API_KEY?");
  });

  it("lets no value steer the terminal", async () => {
    await run(["set", "BOT1_API_KEY"], { stdin: "a\u001b[2Jb" });
    expect(await run(["decrypt"], { terminal: true })).toMatchObject({ status: 2, stdout: "" });
  });

  it("writes a file for its owner only, in memory, or on a disk where that is said", async () => {
    const memory = await mkdtemp("/dev/shm/sidecrypt-test-");
    try {
      const path = join(memory, "x.env");
      expect((await run(["decrypt", "-o", path])).status).toBe(0);
      expect((await stat(path)).mode & 0o7777).toBe(0o600);
      expect((await run(["decrypt", "-o", path])).stderr).toContain("exists and is not overwritten");
    } finally {
      await rm(memory, { recursive: true });
    }
    const onDisk = join(shop.dir, "x.env");
    const { status, stderr } = await run(["decrypt", "-o", onDisk]);
    expect(status).toBe(2);
    expect(stderr).toContain(`${shop.dir} is on a disk`);
    await expect(stat(onDisk)).rejects.toThrow("ENOENT");
    expect((await run(["decrypt", "-o", onDisk, "--to-disk"])).status).toBe(0);
    expect((await stat(onDisk)).mode & 0o7777).toBe(0o600);
  });
});

describe("sidecrypt unset", () => {
  it("takes a secret out, and leaves every other line as it is", async () => {
    const before = await readFile(shop.bundle, "utf8");
    const link = join(shop.dir, "link.env");
    await symlink(shop.bundle, link);
    const { status, stderr } = await run(["unset", "BOT1_API_KEY", "--bundle", link]);
    expect(status).toBe(0);
    expect(stderr).toContain(`BOT1_API_KEY removed from ${link}`);
    const after = (await readFile(shop.bundle, "utf8")).split("\n");
    const gone = before.split("\n").filter((line) => !after.includes(line));
    // The clock of these tests stands still: the time is the same.
    expect(gone.map((line) => line.split("=")[0])).toEqual(["BOT1_API_KEY", "sops_mac"]);
  });

  it.each([
    [["unset", "BOT1_API_KY"], 4, "did you mean BOT1_API_KEY?"],
    [["unset"], 2, "unset: name the secret"],
    [["unset", "A", "B"], 2, "unset takes one name"],
    [["unset", "a=b"], 2, "that is no name of a secret"],
  ])("refuses %j, and writes nothing", async (argv, status, message) => {
    const before = await readFile(shop.bundle, "utf8");
    const result = await run(argv);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(message);
    expect(await readFile(shop.bundle, "utf8")).toBe(before);
  });
});

describe("sidecrypt diff", () => {
  const git = (...argv: readonly string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-C", shop.dir, ...argv], { encoding: "utf8" });

  beforeEach(async () => {
    git("init", "-q");
    git("add", "prod.enc.env");
    git("commit", "-qm", "first");
    await run(["set", "NEW_KEY"], { stdin: "new-value" });
    await run(["set", "REDIS_PASSWORD"], { stdin: "other-value" });
    await run(["unset", "BOT1_API_KEY"]);
  });

  it("prints names, of a file against the last commit, and never a value", async () => {
    const { status, stdout, stderr } = await run(["diff", shop.bundle]);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "changed  REDIS_PASSWORD\nadded    NEW_KEY\nremoved  BOT1_API_KEY\n",
      stderr: "",
    });
  });

  it("compares revisions, as git show takes them", async () => {
    git("commit", "-qam", "second");
    const cwd = process.cwd();
    try {
      process.chdir(shop.dir);
      const { status, stdout } = await run(["diff", "HEAD~1:prod.enc.env", "HEAD:./prod.enc.env", "--json"]);
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toEqual({
        secrets: { added: ["NEW_KEY"], removed: ["BOT1_API_KEY"], changed: ["REDIS_PASSWORD"], same: [] },
        recipients: { added: [], removed: [], changed: [], same: [shop.recipient] },
      });
      const missing = await run(["diff", "HEAD:none.env", "prod.enc.env"]);
      expect(missing.status).toBe(3);
      expect(missing.stderr).toContain("git has no file HEAD:none.env");
    } finally {
      process.chdir(cwd);
    }
  });

  it("finds a change of the recipients alone, and no difference between equal values under another key", async () => {
    const { recipient } = await generateIdentity();
    git("commit", "-qam", "second");
    await run(["rotate"]);
    expect(await run(["diff", shop.bundle])).toMatchObject({
      status: 0,
      stdout: "same     REDIS_PASSWORD\nsame     NEW_KEY\n",
    });
    await run(["recipients", "add", recipient]);
    const { status, stdout } = await run(["diff", shop.bundle]);
    expect(status).toBe(1);
    expect(stdout).toContain(`added    recipient ${recipient}\n`);
  });
});

describe("sidecrypt keygen --pq", () => {
  it("makes a key that opens what is encrypted for it", async () => {
    const key = join(shop.dir, "pq.key");
    expect((await run(["keygen", "--pq", "-o", key])).status).toBe(0);
    const recipient = /public key: (age1pq1[a-z0-9]+)/.exec(await readFile(key, "utf8"))?.[1] ?? "";
    const added = await run(["recipients", "add", recipient]);
    expect(added.stderr).toMatch(/added age1pq1\w+…\w+\n$/);
    const { stdout } = await run(["decrypt", "--name", "BOT1_API_KEY", "-o", "-"], {
      env: { ...shop.env, SOPS_AGE_KEY_FILE: key },
    });
    expect(stdout).toBe(CANARY);
  });
});
