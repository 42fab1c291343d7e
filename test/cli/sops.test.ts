/** What the commands write, the real sops reads; what it writes, they read. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findSops, Sops } from "../bundle/sops.ts";
import { sidecrypt, workshop, type Workshop } from "./harness.ts";

const binary = findSops();
const NOT_HERE =
  "the commands were not tried with sops: there is none (SIDECRYPT_SOPS, PATH, ~/.cache/sidecrypt/bin/sops)";

test.runIf(process.env["CI"] === "true")("there is a real sops in CI", () => {
  expect(binary, NOT_HERE).not.toBeNull();
});

describe.skipIf(binary === null)("with the real sops", () => {
  let shop: Workshop;
  let sops: Sops;
  beforeAll(async () => {
    shop = await workshop({ A: "first-value", B: "second-value" });
    sops = new Sops(binary ?? "", await readFile(join(shop.dir, "age.key"), "utf8"));
  });
  afterAll(async () => {
    sops.close();
    await shop.remove();
  });

  const run = (...argv: readonly string[]) => sidecrypt(argv, { env: shop.env });
  const values = async () => sops.values(await readFile(shop.bundle));

  test("it reads what encrypt, unset, rotate and recipients write", { timeout: 60_000 }, async () => {
    const plain = join(shop.dir, "plain.txt");
    const made = join(shop.dir, "made.env");
    await writeFile(plain, "A=one-value\nB=two-value\n");
    expect((await run("encrypt", plain, "-o", made, "--age", shop.recipient)).status).toBe(0);
    expect(await sops.values(await readFile(made))).toEqual({ A: "one-value", B: "two-value" });
    expect((await run("rotate", shop.bundle)).status).toBe(0);
    expect(await values()).toEqual({ A: "first-value", B: "second-value" });
    expect((await run("unset", "B", "--bundle", shop.bundle)).status).toBe(0);
    expect(await values()).toEqual({ A: "first-value" });
    await run("keygen", "-o", join(shop.dir, "two.key"));
    const two = /age1\w+/.exec(await readFile(join(shop.dir, "two.key"), "utf8"))?.[0] ?? "";
    expect((await run("recipients", "add", two, "--bundle", shop.bundle)).status).toBe(0);
    expect(await values()).toEqual({ A: "first-value" });
    expect((await run("recipients", "remove", two, "--bundle", shop.bundle)).status).toBe(0);
    expect(await values()).toEqual({ A: "first-value" });
  });

  test("decrypt prints what it prints, byte for byte", { timeout: 60_000 }, async () => {
    const theirs = await sops.encrypt("# note\nA=x y\nB='quoted'\n", [shop.recipient]);
    const path = join(shop.dir, "theirs.env");
    await writeFile(path, theirs);
    const { stdout } = await sops.on(theirs, "decrypt", "FILE");
    expect((await run("decrypt", path, "-o", "-")).stdout).toBe(stdout.toString());
  });
});
