/** Shamir's key groups, as the real sops writes them: refused by name by whatever reads or writes such a file. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeBundle, generateIdentity } from "../../src/bundle/index.ts";
import { findSops, Sops } from "../bundle/sops.ts";
import { sidecrypt, workshop, type Workshop } from "./harness.ts";

const binary = findSops();
const ENOUGH_TIME = 60_000;
const PLAIN = [
  ["dotenv", "prod.env", "A=c4nary-value\nB=x\n"],
  ["json", "prod.json", '{"A": "c4nary-value", "B": "x"}\n'],
  ["yaml", "prod.yaml", "A: c4nary-value\nB: x\n"],
  ["binary", "prod.bin", "A=c4nary-value\nB=x\n"],
] as const;

test.runIf(process.env["CI"] === "true")("there is a real sops in CI", () => {
  expect(binary).not.toBeNull();
});

describe.skipIf(binary === null)("with the real sops", () => {
  let shop: Workshop;
  let sops: Sops;
  let one: string;
  let other: string;
  beforeAll(async () => {
    shop = await workshop({ A: "x" });
    const friend = await generateIdentity();
    [one, other] = [shop.recipient, friend.recipient];
    sops = new Sops(binary ?? "", `${await readFile(join(shop.dir, "age.key"), "utf8")}${friend.identity}\n`);
  });
  afterAll(async () => {
    sops.close();
    await shop.remove();
  });

  const run = (argv: readonly string[], stdin = "") => sidecrypt(argv, { env: shop.env, stdin });
  const groups = () =>
    `creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n      - age: [${one}]\n      - age: [${other}]\n`;

  /** What sops makes of it under these rules, in a file of that name. */
  async function theirs(rules: string, format: string, file: string, plain: string): Promise<string> {
    sops.writeConfig(rules);
    const types = ["--input-type", format, "--output-type", format, "--filename-override", file];
    const path = join(shop.dir, file);
    await writeFile(path, (await sops.on(plain, "encrypt", ...types, "FILE")).stdout);
    return path;
  }

  async function updated(path: string, format: string, rules: string): Promise<void> {
    sops.writeConfig(rules);
    await writeFile(
      path,
      (await sops.on(await readFile(path), "updatekeys", "--yes", "--input-type", format, "FILE")).file,
    );
  }

  describe.each(PLAIN)("%s", (format, file, plain) => {
    test("no command reads or changes it", { timeout: ENOUGH_TIME }, async () => {
      const path = await theirs(groups(), format, file, plain);
      const before = await readFile(path);
      expect(before.toString()).toContain("key_groups");
      for (const argv of [
        ["check", path],
        ["decrypt", path, "-o", "-"],
        ["diff", path, path],
        ["set", "A", "--bundle", path],
        ["unset", "A", "--bundle", path],
        ["edit", path],
        ["rotate", path],
        ["recipients", "list", "--bundle", path],
        ["recipients", "add", other, "--bundle", path],
        ["recipients", "remove", one, "--bundle", path],
        ["recipients", "sync", "--bundle", path],
      ]) {
        const { status, stdout, stderr } = await run(argv, "new-value");
        expect({ argv, status, stdout }).toEqual({ argv, status: 3, stdout: "" });
        expect(stderr).toContain(`${path}: the file uses key groups (Shamir's secret sharing)`);
        expect(stderr).toContain("hint: put the recipients into one group of .sops.yaml and run `sops updatekeys`");
        expect(stderr).not.toContain("c4nary");
        expect(await readFile(path)).toEqual(before);
      }
    });

    test("it opens once the hint was followed", { timeout: ENOUGH_TIME }, async () => {
      const path = await theirs(groups(), format, file, plain);
      await updated(path, format, `creation_rules:\n  - key_groups:\n      - age: [${one}, ${other}]\n`);
      expect(await run(["decrypt", "--name", "A", path, "-o", "-"])).toMatchObject({ stdout: "c4nary-value" });
      expect(describeBundle(await readFile(path)).recipients).toEqual([one, other]);
    });

    test(
      "a threshold over one group, which sops ignores, is refused until it is gone",
      { timeout: ENOUGH_TIME },
      async () => {
        const path = await theirs(`creation_rules:\n  - shamir_threshold: 2\n    age: ${one}\n`, format, file, plain);
        const { status, stderr } = await run(["rotate", path]);
        expect(status).toBe(3);
        expect(stderr).toContain(`${path}: the file uses a Shamir threshold`);
        expect(stderr).toContain("hint: take shamir_threshold out of .sops.yaml and run `sops updatekeys`");
        await updated(path, format, `creation_rules:\n  - age: ${one}\n`);
        expect(await run(["decrypt", "--name", "A", path, "-o", "-"])).toMatchObject({ stdout: "c4nary-value" });
      },
    );
  });

  test("INI is refused as INI, before its groups are looked at", { timeout: ENOUGH_TIME }, async () => {
    const path = await theirs(groups(), "ini", "prod.ini", "[s]\nA = c4nary-value\n");
    const { status, stderr } = await run(["decrypt", path, "-o", "-"]);
    expect({ status, named: stderr.includes("the file is SOPS INI") }).toEqual({ status: 3, named: true });
  });

  describe("under a rule", () => {
    let folder: string;
    beforeAll(async () => {
      folder = join(shop.dir, "ruled");
      await mkdir(folder);
      await writeFile(join(folder, "plain.env"), "A=c4nary-value\n");
      await writeFile(join(folder, "flat.env"), await readFile(shop.bundle));
    });
    const ruled = async (rules: string, argv: readonly string[]) => {
      await writeFile(join(folder, ".sops.yaml"), rules);
      return run(argv);
    };

    test.each([
      ["encrypt", () => ["encrypt", join(folder, "plain.env")]],
      ["recipients sync", () => ["recipients", "sync", "--bundle", join(folder, "flat.env")]],
      ["recipients list", () => ["recipients", "list", "--bundle", join(folder, "flat.env")]],
      ["rotate", () => ["rotate", join(folder, "flat.env")]],
    ] as const)("%s refuses two key groups, and a threshold over one", async (_, argv) => {
      const before = await readFile(join(folder, "flat.env"));
      for (const [rules, named] of [
        [groups(), "creation rule 1 uses 2 key_groups (Shamir's secret sharing)"],
        [`creation_rules:\n  - shamir_threshold: 2\n    key_groups: [{ age: [${one}] }]\n`, "uses a shamir_threshold"],
      ] as const) {
        const { status, stderr } = await ruled(rules, argv());
        expect(status).toBe(2);
        expect(stderr).toContain(named);
      }
      expect(await readFile(join(folder, "flat.env"))).toEqual(before);
    });

    test("encrypt writes for a single key group what sops writes for it", { timeout: ENOUGH_TIME }, async () => {
      const rules = `creation_rules:\n  - shamir_threshold: 1\n    key_groups: [{ age: [${other}, ${one}] }]\n`;
      const ours = Buffer.from((await ruled(rules, ["encrypt", join(folder, "plain.env")])).stdout);
      const path = await theirs(rules, "dotenv", "single.env", "A=c4nary-value\n");
      expect(describeBundle(ours).recipients).toEqual(describeBundle(await readFile(path)).recipients);
      expect(await sops.values(ours)).toEqual({ A: "c4nary-value" });
    });
  });
});
