/** The commands on bundles of every format: what they write, the real sops reads, MAC and all; the rest they leave alone. */
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateIdentity } from "../../src/bundle/index.ts";
import { findSops, Sops } from "../bundle/sops.ts";
import { sidecrypt, workshop, type Workshop } from "./harness.ts";

const binary = findSops();
const ENOUGH_TIME = 60_000;
const LINES = "# note\nA=first-value\nB=second-value\nPORT=9007199254740993\n";
const FORMATS = [
  { format: "dotenv", file: "prod.env", plain: LINES, more: "C=third-value\n" },
  {
    format: "json",
    file: "prod.json",
    plain:
      '{\n  "A": "first-value",\n  "B": "second-value",\n  "db": {\n    "port": 9007199254740993,\n    "live": true\n  }\n}\n',
    more: null,
  },
  {
    format: "yaml",
    file: "prod.yaml",
    plain: "# note\nA: first-value\nB: second-value\ndb:\n    # inner\n    port: 9007199254740993\n    live: true\n",
    more: "C: third-value\n",
  },
  { format: "binary", file: "prod.bin", plain: LINES, more: "C=third-value\n" },
] as const;

test.runIf(process.env["CI"] === "true")("there is a real sops in CI", () => {
  expect(binary).not.toBeNull();
});

describe.skipIf(binary === null).each(FORMATS)("a bundle in $format", ({ format, file, plain, more }) => {
  let shop: Workshop;
  let sops: Sops;
  let bundle: string;
  let encrypted: string;
  beforeEach(async () => {
    shop = await workshop({ A: "x" });
    sops = new Sops(binary ?? "", await readFile(join(shop.dir, "age.key"), "utf8"));
    bundle = join(shop.dir, file);
    await rm(shop.bundle);
    await writeFile(join(shop.dir, `plain-${file}`), plain);
    await run(["encrypt", join(shop.dir, `plain-${file}`), "-o", bundle, "--age", shop.recipient]);
    encrypted = await text();
  });
  afterEach(async () => {
    sops.close();
    await shop.remove();
  });

  const text = () => readFile(bundle, "utf8");
  const isBinary = format === "binary";

  async function run(argv: readonly string[], stdin = "", env: Record<string, string> = {}): Promise<string> {
    const { status, stdout, stderr } = await sidecrypt(argv, { env: { ...shop.env, ...env }, stdin });
    expect(status, stderr).toBe(0);
    return stdout;
  }

  /** The plaintext as sops prints it, once it has compared the MAC. */
  async function theirs(): Promise<string> {
    const types = ["--input-type", format, "--output-type", format];
    return (await sops.on(await readFile(bundle), "decrypt", ...types, "FILE")).stdout.toString();
  }

  /** The keys of the lines that are not the same. */
  function touched(before: string, after: string): string[] {
    const [old, next] = [before.split("\n"), after.split("\n")];
    const lines = [...old.filter((line) => !next.includes(line)), ...next.filter((line) => !old.includes(line))];
    return [...new Set(lines.map((line) => (/\w+/.exec(line)?.[0] ?? line).replace(/^sops_/, "")))].sort();
  }

  /** What a change of these keys touches: the whole of a binary file is one value. */
  const expected = (...keys: string[]) => [...(isBinary ? ["data"] : keys), "mac"].sort();

  test("encrypt, and decrypt to the same bytes", { timeout: ENOUGH_TIME }, async () => {
    expect(encrypted).not.toContain("first-value");
    expect(await run(["decrypt", bundle, "-o", "-"])).toBe(plain);
    // sops indents JSON by a rule of its own.
    const printed = format === "json" ? (JSON.parse(await theirs()) as object) : await theirs();
    expect(printed).toEqual(format === "json" ? JSON.parse(plain) : plain);
  });

  test("set and unset touch nothing but the one value and the MAC", { timeout: ENOUGH_TIME }, async () => {
    await run(["set", "A", "--bundle", bundle], "other-value");
    const changed = await text();
    expect(touched(encrypted, changed)).toEqual(expected("A"));
    await run(["set", "C", "--bundle", bundle], "third-value");
    const added = await text();
    expect(touched(changed, added)).toEqual(expected("C"));
    await run(["unset", "B", "--bundle", bundle]);
    expect(touched(added, await text())).toEqual(expected("B"));
    const printed = await theirs();
    for (const value of ["other-value", "third-value", "9007199254740993"]) expect(printed).toContain(value);
    for (const value of ["first-value", "second-value"]) expect(printed).not.toContain(value);
  });

  test("set of the value that is there writes nothing", { timeout: ENOUGH_TIME }, async () => {
    await run(["set", "A", "--bundle", bundle], "first-value");
    expect(await text()).toBe(encrypted);
  });

  test("diff prints the names of what differs", { timeout: ENOUGH_TIME }, async () => {
    const old = join(shop.dir, `old-${file}`);
    await writeFile(old, encrypted);
    await run(["set", "A", "--bundle", bundle], "other-value");
    await run(["set", "C", "--bundle", bundle], "third-value");
    await run(["unset", "B", "--bundle", bundle]);
    const { status, stdout } = await sidecrypt(["diff", old, bundle], { env: shop.env });
    expect(status).toBe(1);
    expect(stdout.split("\n").filter((line) => !line.startsWith("same"))).toEqual([
      ...["changed  A", "added    C", "removed  B", ""],
    ]);
  });

  test("rotate encrypts every value anew, and changes none", { timeout: ENOUGH_TIME }, async () => {
    await run(["rotate", bundle]);
    const ciphertexts = (of: string): readonly string[] => of.match(/ENC\[[^\]]+\]/g) ?? [];
    const kept = ciphertexts(await text()).filter((one) => ciphertexts(encrypted).includes(one));
    expect(kept).toEqual([]);
    expect(ciphertexts(await text())).toHaveLength(ciphertexts(encrypted).length);
    expect(await run(["decrypt", bundle, "-o", "-"])).toBe(plain);
    expect(await theirs()).toContain("first-value");
  });

  test(
    "recipients are added beside values that stay, and removed with the data key",
    { timeout: ENOUGH_TIME },
    async () => {
      const other = await generateIdentity();
      await run(["recipients", "add", other.recipient, "--bundle", bundle]);
      const added = await text();
      for (const line of encrypted.split("\n").filter((one) => one.includes("ENC["))) expect(added).toContain(line);
      expect(await run(["recipients", "list", "--bundle", bundle])).toBe(`${shop.recipient}\n${other.recipient}\n`);
      const friend = new Sops(binary ?? "", `${other.identity}\n`);
      const types = ["--input-type", format, "--output-type", format];
      expect((await friend.on(added, "decrypt", ...types, "FILE")).stdout.toString()).toContain("first-value");
      await run(["recipients", "remove", other.recipient, "--bundle", bundle]);
      await expect(friend.on(await text(), "decrypt", ...types, "FILE")).rejects.toThrow("Command failed");
      friend.close();
      expect(await theirs()).toContain("first-value");
      expect(await run(["decrypt", bundle, "-o", "-"])).toBe(plain);
    },
  );

  test("edit keeps what the editor left alone", { timeout: ENOUGH_TIME }, async () => {
    const next = more === null ? plain.replace('"A"', '"C": "third-value",\n  "A"') : `${plain}${more}`;
    await writeFile(join(shop.dir, "next"), next.replace("first", "other"));
    const editor = join(shop.dir, "editor.sh");
    await writeFile(editor, `#!/bin/sh\ncp ${shop.dir}/next "$1"\n`);
    await chmod(editor, 0o755);
    await run(["edit", bundle], "", { PATH: process.env["PATH"] ?? "", EDITOR: editor });
    expect(touched(encrypted, await text())).toEqual(expected("A", "C"));
    expect(await run(["decrypt", bundle, "-o", "-"])).toBe(next.replace("first", "other"));
    for (const value of ["other-value", "third-value", "second-value"]) expect(await theirs()).toContain(value);
  });
});
