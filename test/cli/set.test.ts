import { chmod, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { open } from "../../src/bundle/index.ts";
import { replaceFile } from "../../src/cli/replace.ts";
import { parseConfig } from "../../src/config.ts";
import { loadIdentities } from "../../src/keys.ts";
import { readBundle } from "../../src/source/index.ts";
import { sidecrypt, Terminal, workshop, type Options, type Workshop } from "./harness.ts";

const OLD = "old-canary-value";
const NEW = "new-canary-value";

describe("sidecrypt set", () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await workshop({ BOT1_API_KEY: OLD, REDIS_PASSWORD: "hunter2hunter2" });
  });
  afterEach(() => shop.remove());

  const set = (argv: readonly string[], options: Options) => sidecrypt(["set", ...argv], { env: shop.env, ...options });

  async function value(name: string): Promise<string | undefined> {
    const options = { allowEmpty: new Set<string>(), dotenv: "compose" } as const;
    const identities = await loadIdentities(parseConfig(shop.env));
    const opened = await open(await readBundle(shop.bundle), identities, options);
    const bytes = opened.secrets.get(name);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString();
  }

  it("says that a signature beside the bundle is of the file before", async () => {
    await writeFile(`${shop.bundle}.sig`, "");
    const { status, stderr } = await set(["BOT1_API_KEY"], { stdin: NEW });
    expect(status).toBe(0);
    expect(stderr).toContain(`hint: its signature is of the file before: sidecrypt sign ${shop.bundle} --key FILE\n`);
  });

  it("changes a secret from stdin, without one newline at its end", async () => {
    expect(await set(["BOT1_API_KEY"], { stdin: `${NEW}\n` })).toEqual({
      status: 0,
      stdout: "",
      stderr: `sidecrypt: BOT1_API_KEY changed in ${shop.bundle}\n`,
    });
    expect(await value("BOT1_API_KEY")).toBe(NEW);
    expect(await value("REDIS_PASSWORD")).toBe("hunter2hunter2");
  });

  it("adds a secret", async () => {
    const { status, stderr } = await set(["BOT2_API_KEY", "--bundle", shop.bundle], {
      stdin: ["new-can", "ary-value"],
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: `sidecrypt: BOT2_API_KEY added to ${shop.bundle}\n` });
    expect(await value("BOT2_API_KEY")).toBe(NEW);
  });

  it("drops one newline only, and none where it is told to keep it", async () => {
    await set(["BOT1_API_KEY"], { stdin: "a\nb\r\n" });
    expect(await value("BOT1_API_KEY")).toBe("a\nb");
    await set(["BOT1_API_KEY", "--keep-newline"], { stdin: "a\n" });
    expect(await value("BOT1_API_KEY")).toBe("a\n");
  });

  it("writes nothing where the value is there already", async () => {
    const before = await stat(shop.bundle);
    expect(await set(["BOT1_API_KEY"], { stdin: OLD })).toEqual({
      status: 0,
      stdout: "",
      stderr: `sidecrypt: BOT1_API_KEY is unchanged; ${shop.bundle} is left as it is\n`,
    });
    expect((await stat(shop.bundle)).ino).toBe(before.ino);
  });

  it.each([
    ["a second argument", ["BOT1_API_KEY", "c4nary-value"]],
    ["NAME=value", ["BOT1_API_KEY=c4nary-value"]],
  ])("refuses a value as an argument, without repeating it: %s", async (_, argv) => {
    const { status, stdout, stderr } = await set(argv, { stdin: "" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("set takes no value as an argument");
    expect(stderr).not.toContain("c4nary");
  });

  it.each([[["BOT1_API_KEY", "--c4nary"]], [["BOT1_API_KEY", "-c4nary"]], [["c4nary+/value"]]])(
    "repeats no argument that may be a value: %j",
    async (argv) => {
      const { status, stderr } = await set(argv, { stdin: "" });
      expect(status).toBe(2);
      expect(stderr).not.toContain("c4nary");
    },
  );

  it("refuses an empty value, unless its name may be empty", async () => {
    const { status, stderr } = await set(["BOT1_API_KEY"], { stdin: "\n" });
    expect(status).toBe(3);
    expect(stderr).toContain("hint: to allow it: SIDECRYPT_ALLOW_EMPTY=BOT1_API_KEY");
    const env = { ...shop.env, SIDECRYPT_ALLOW_EMPTY: "BOT1_API_KEY" };
    expect((await set(["BOT1_API_KEY"], { stdin: "", env })).status).toBe(0);
  });

  it("names the file where the value cannot be stored, not the value", async () => {
    const { status, stderr } = await set(["BOT1_API_KEY"], { stdin: "c4nary\\nx" });
    expect(status).toBe(3);
    expect(stderr).toContain(`error: ${shop.bundle}: `);
    expect(stderr).not.toContain("c4nary");
  });

  it("refuses a value that is too large", async () => {
    const { status, stderr } = await set(["BOT1_API_KEY"], { stdin: "x".repeat(1024 * 1024 + 1) });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: "sidecrypt: error: the value is larger than 1048576 bytes\n",
    });
  });

  it("asks for nothing where the bundle does not open", async () => {
    await writeFile(shop.bundle, (await readFile(shop.bundle, "utf8")).replace(/^sops_mac=.*$/m, "sops_mac="));
    const { status, stderr } = await set(["BOT1_API_KEY"], { typed: ["x\r"] });
    expect(status).toBe(3);
    expect(stderr).not.toContain("value of");
  });

  describe("at a terminal", () => {
    const typed = (...keys: (string | Uint8Array)[]) => set(["BOT1_API_KEY"], { typed: keys });

    it("asks once, shows nothing, and says how much was read", async () => {
      expect(await typed("new-", "canary", "-value", "\r")).toEqual({
        status: 0,
        stdout: "",
        stderr: [
          "sidecrypt: value of BOT1_API_KEY (not shown): ",
          "sidecrypt: read 16 bytes",
          `sidecrypt: BOT1_API_KEY changed in ${shop.bundle}`,
          "",
        ].join("\n"),
      });
      expect(await value("BOT1_API_KEY")).toBe(NEW);
      expect(Terminal.modes).toEqual([true, false]);
    });

    it("erases characters and lines", async () => {
      await typed("wrong\u0015né", "\u007f", Buffer.from([0xc3]), Buffer.from([0xa9]), "w\r\n");
      expect(await value("BOT1_API_KEY")).toBe("néw");
    });

    it("ends at the end of input", async () => {
      await typed("new\u0004");
      expect(await value("BOT1_API_KEY")).toBe("new");
    });

    it("is interrupted by Ctrl-C, and writes nothing", async () => {
      const { status, stderr } = await typed("new\u0003");
      expect({ status, stderr }).toEqual({ status: 130, stderr: "sidecrypt: value of BOT1_API_KEY (not shown): \n" });
      expect(await value("BOT1_API_KEY")).toBe(OLD);
      expect(Terminal.modes).toEqual([true, false]);
    });

    it.each([
      ["several lines pasted", "c4nary\rmore\r", "has several lines"],
      ["an arrow key", "c4nary\u001b[D\r", "a key that is no character"],
      ["nothing", "\r", "is empty"],
    ])("refuses %s, and writes nothing", async (_, keys, message) => {
      const { status, stderr } = await typed(keys);
      expect(status).not.toBe(0);
      expect(stderr).toContain(message);
      expect(stderr).not.toContain("c4nary");
      expect(await value("BOT1_API_KEY")).toBe(OLD);
      expect(Terminal.modes).toEqual([true, false]);
    });
  });

  describe("the file", () => {
    it("keeps its mode, and leaves nothing beside it", async () => {
      await chmod(shop.bundle, 0o664);
      const before = await readdir(shop.dir);
      await set(["BOT1_API_KEY"], { stdin: NEW });
      expect((await stat(shop.bundle)).mode & 0o7777).toBe(0o664);
      expect(await readdir(shop.dir)).toEqual(before);
    });

    it("is replaced behind a symbolic link, which stays", async () => {
      await mkdir(join(shop.dir, "real"));
      const real = join(shop.dir, "real", "bundle.env");
      await rename(shop.bundle, real);
      await symlink("real/bundle.env", shop.bundle);
      await set(["BOT1_API_KEY", "--bundle", shop.bundle], { stdin: NEW });
      expect(await value("BOT1_API_KEY")).toBe(NEW);
      expect(await readFile(real, "utf8")).toBe(await readFile(shop.bundle, "utf8"));
      expect((await stat(real)).isFile()).toBe(true);
      expect((await readdir(shop.dir, { withFileTypes: true })).some((entry) => entry.isSymbolicLink())).toBe(true);
    });

    it("is left alone where someone replaced it meanwhile", async () => {
      const { digest } = await readBundle(shop.bundle);
      await writeFile(shop.bundle, "their new bundle");
      await expect(replaceFile(shop.bundle, digest, Buffer.from("ours"))).rejects.toMatchObject({
        code: "bundle-changed",
        message: `${shop.bundle} was replaced by someone else meanwhile; it is left as it is now`,
      });
      expect(await readFile(shop.bundle, "utf8")).toBe("their new bundle");
      expect((await readdir(shop.dir)).sort()).toEqual(["age.key", "prod.enc.env"]);
    });

    it("is left alone where its directory takes no file", async () => {
      // /proc takes none, whoever asks.
      await expect(replaceFile("/proc/version", "", Buffer.from("x"))).rejects.toMatchObject({
        code: "bundle-unwritable",
        message: expect.stringMatching(/^\/proc\/version cannot be replaced: E\w+; it is left as it was$/) as string,
      });
    });
  });
});
