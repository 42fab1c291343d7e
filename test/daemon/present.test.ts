/** Real bundles in real directories, read as the daemon reads them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createBundle, generateIdentity } from "../../src/bundle/index.ts";
import { type Config, type Environment, parseConfig } from "../../src/config.ts";
import { Memory } from "../../src/daemon/memory.ts";
import { Reader } from "../../src/daemon/present.ts";
import { watchedDirectories } from "../../src/daemon/watched.ts";
import { textOf } from "../bundle/support.ts";

const NOW = new Date("2026-05-01T12:00:00Z");

let dir: string;
let recipient: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "sidecrypt-present-"));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  mkdirSync(join(dir, "bundles"));
  mkdirSync(join(dir, "more"));
  const keys = await generateIdentity();
  recipient = keys.recipient;
  writeFileSync(join(dir, "age.key"), `${keys.identity}\n`);
});

const config = (env: Environment = {}): Config =>
  parseConfig({ SIDECRYPT_BUNDLE_DIR: join(dir, "bundles"), SOPS_AGE_KEY_FILE: join(dir, "age.key"), ...env });

async function write(path: string, secrets: Readonly<Record<string, string>>, at = NOW): Promise<void> {
  const entries = Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)] as const);
  writeFileSync(join(dir, path), await createBundle([recipient], entries, at));
}

const memory = (): Promise<Memory> => Memory.load(join(dir, "state"));

describe("several bundles", () => {
  const both = (): Environment => ({ SIDECRYPT_BUNDLE: `common.env, ${join(dir, "more", "prod.env")}` });

  beforeEach(async () => {
    await write("bundles/common.env", { REDIS_PASSWORD: "one" });
    await write("bundles/other.env", { OTHER: "not listed" });
    await write("more/prod.env", { BOT1_API_KEY: "two" });
  });

  test("are opened as one", async () => {
    const reader = new Reader(config(both()), await memory());
    const { opened, bundles, path, fault } = await reader.read();
    expect(fault).toBeNull();
    expect(textOf(opened!)).toEqual({ REDIS_PASSWORD: "one", BOT1_API_KEY: "two" });
    expect(opened!.digest).toBe(bundles!.digest);
    expect(path).toBe(`${join(dir, "bundles", "common.env")}, ${join(dir, "more", "prod.env")}`);
    expect([...reader.values()].map((value) => Buffer.from(value).toString()).toSorted()).toEqual(["one", "two"]);
  });

  test("are refused together, and what was committed last is there", async () => {
    const kept = await memory();
    const reader = new Reader(config(both()), kept);
    const before = await reader.read();
    await kept.commit(["bot1"], before.bundles!);
    writeFileSync(join(dir, "more", "prod.env"), "BOT1_API_KEY=plain\n");

    const { opened, fault, committed } = await new Reader(config(both()), await memory()).read();

    expect(opened).toBeNull();
    expect(fault).toMatchObject({ code: "bundle-not-encrypted" });
    expect(fault!.message).toContain(join(dir, "more", "prod.env"));
    expect(textOf(committed.get(before.bundles!.digest)!)).toEqual({ REDIS_PASSWORD: "one", BOT1_API_KEY: "two" });
  });

  test("with one name in two of them are refused, and both files are named", async () => {
    await write("more/prod.env", { BOT1_API_KEY: "two", REDIS_PASSWORD: "three" });
    const { opened, fault } = await new Reader(config(both()), await memory()).read();
    expect(opened).toBeNull();
    expect(fault).toMatchObject({ code: "bundle-conflict" });
    for (const path of ["bundles/common.env", "more/prod.env"]) expect(fault!.message).toContain(join(dir, path));
  });

  test("are watched wherever they are, each directory once", () => {
    expect(watchedDirectories(config(both()))).toEqual([join(dir, "bundles"), join(dir, "more")]);
    expect(watchedDirectories(config({ SIDECRYPT_BUNDLE: "a.env,b.env" }))).toEqual([join(dir, "bundles")]);
    expect(watchedDirectories(config())).toEqual([join(dir, "bundles")]);
  });
});
