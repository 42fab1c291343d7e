/** Real bundles in real directories, read as the daemon reads them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createBundle, generateIdentity } from "../../src/bundle/index.ts";
import { type Config, type Environment, parseConfig } from "../../src/config.ts";
import { Memory } from "../../src/daemon/memory.ts";
import { Reader } from "../../src/daemon/present.ts";
import { watchedDirectories } from "../../src/daemon/watched.ts";
import { textOf } from "../bundle/support.ts";
import { tokenKey } from "../trust/ssh.ts";

const NOW = new Date("2026-05-01T12:00:00Z");

const clock = { now: () => NOW.getTime() };

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
    const reader = new Reader(config(both()), await memory(), clock);
    const { opened, bundles, path, fault } = await reader.read();
    expect(fault).toBeNull();
    expect(textOf(opened!)).toEqual({ REDIS_PASSWORD: "one", BOT1_API_KEY: "two" });
    expect(opened!.digest).toBe(bundles!.digest);
    expect(path).toBe(`${join(dir, "bundles", "common.env")}, ${join(dir, "more", "prod.env")}`);
    expect([...reader.values()].map((value) => Buffer.from(value).toString()).toSorted()).toEqual(["one", "two"]);
  });

  test("are refused together, and what was committed last is there", async () => {
    const kept = await memory();
    const reader = new Reader(config(both()), kept, clock);
    const before = await reader.read();
    await kept.commit(["bot1"], before.bundles!);
    writeFileSync(join(dir, "more", "prod.env"), "BOT1_API_KEY=plain\n");

    const { opened, fault, committed } = await new Reader(config(both()), await memory(), clock).read();

    expect(opened).toBeNull();
    expect(fault).toMatchObject({ code: "bundle-not-encrypted" });
    expect(fault!.message).toContain(join(dir, "more", "prod.env"));
    expect(textOf(committed.get(before.bundles!.digest)!)).toEqual({ REDIS_PASSWORD: "one", BOT1_API_KEY: "two" });
  });

  test("with one name in two of them are refused, and both files are named", async () => {
    await write("more/prod.env", { BOT1_API_KEY: "two", REDIS_PASSWORD: "three" });
    const { opened, fault } = await new Reader(config(both()), await memory(), clock).read();
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

const SIGNER = tokenKey("sk-ssh-ed25519");

function sign(path: string): void {
  writeFileSync(join(dir, `${path}.sig`), SIGNER.sign(readFileSync(join(dir, path)), "sidecrypt"));
}

describe("a signed bundle", () => {
  let reader: Reader;

  beforeEach(async () => {
    await write("bundles/prod.env", { A: "one" });
    sign("bundles/prod.env");
    writeFileSync(join(dir, "allowed_signers"), `alice ${SIGNER.publicKey}\n`);
    reader = new Reader(config({ SIDECRYPT_ALLOWED_SIGNERS: join(dir, "allowed_signers") }), await memory(), clock);
  });

  test("is opened, and its signer is known", async () => {
    const { opened, signers } = await reader.read();
    expect(textOf(opened!)).toEqual({ A: "one" });
    expect(signers).toMatchObject([{ principals: "alice" }]);
  });

  test("of which a checkout has written one file is no error yet, and then one, until the other is there", async () => {
    await write("bundles/prod.env", { A: "two" });
    expect(await reader.read()).toMatchObject({
      opened: null,
      isHalfDone: true,
      fault: { code: "bundle-signature" },
    });
    expect(await reader.read()).toMatchObject({ opened: null, isHalfDone: false, fault: { code: "bundle-signature" } });
    sign("bundles/prod.env");
    expect(await reader.read()).toMatchObject({ isHalfDone: false, fault: null });
    rmSync(join(dir, "bundles/prod.env.sig"));
    expect(await reader.read()).toMatchObject({ isHalfDone: true, fault: { code: "bundle-unsigned" } });
  });

  test("is refused before anything in it is looked at", async () => {
    writeFileSync(
      join(dir, "bundles/prod.env"),
      readFileSync(join(dir, "bundles/prod.env"), "utf8").replace("ENC[", "E["),
    );
    expect((await reader.read()).fault).toMatchObject({ code: "bundle-signature" });
  });

  test("is refused with the file of signers, and at once", async () => {
    rmSync(join(dir, "allowed_signers"));
    expect(await reader.read()).toMatchObject({ opened: null, isHalfDone: false, fault: { code: "signers-invalid" } });
  });
});

test("a recipient that was added is refused by the daemon", async () => {
  await write("bundles/prod.env", { A: "one" });
  const reader = new Reader(config({ SIDECRYPT_RECIPIENTS: recipient }), await memory(), clock);
  expect((await reader.read()).fault).toBeNull();
  const other = (await generateIdentity()).recipient;
  writeFileSync(join(dir, "bundles/prod.env"), await createBundle([recipient, other], [], NOW));
  expect((await reader.read()).fault).toMatchObject({
    code: "bundle-policy",
    message: `${join(dir, "bundles/prod.env")}: the recipient ${other} was added`,
  });
});

describe("no way back", () => {
  const at = (minutes: number): Date => new Date(NOW.getTime() + minutes * 60_000);

  test("to a bundle older than the one committed last; to that one always, also after a restart", async () => {
    const kept = await memory();
    const strict = config({ SIDECRYPT_ALLOW_OLDER: "no" });
    const reader = new Reader(strict, kept, clock);
    const texts: Buffer[] = [];
    for (const minute of [0, 1, 2]) {
      await write("bundles/prod.env", { A: String(minute) }, at(minute));
      texts.push(readFileSync(join(dir, "bundles/prod.env")));
    }
    const read = (version: number, by = reader) => {
      writeFileSync(join(dir, "bundles/prod.env"), texts[version]!);
      return by.read();
    };

    await kept.commit(["bot1", "bot2"], (await read(1)).bundles!);
    expect(await read(0)).toMatchObject({ opened: null, fault: { code: "bundle-older" } });
    // The bad key: bot1 stays on the bundle before it.
    const bad = await read(2);
    expect(bad.fault).toBeNull();
    await kept.commit(["bot2"], bad.bundles!);
    expect((await read(1)).fault).toBeNull();

    const restarted = new Reader(strict, await memory(), clock);
    expect((await read(1, restarted)).fault).toBeNull();
    expect((await read(0, restarted)).fault).toMatchObject({ code: "bundle-older" });
    await kept.commit(["bot1"], bad.bundles!);
    expect((await read(1)).fault).toMatchObject({ code: "bundle-older" });
    const named = config({ SIDECRYPT_ALLOW_OLDER: (await read(0)).bundles!.digest.slice(0, 12) });
    expect((await read(0, new Reader(named, kept, clock))).fault).toBeNull();
  });

  test("is lost with a /state that is damaged, and refuses nothing then", async () => {
    const kept = await memory();
    const reader = new Reader(config({ SIDECRYPT_ALLOW_OLDER: "no" }), kept, clock);
    await write("bundles/prod.env", { A: "1" }, at(1));
    const { bundles } = await reader.read();
    await kept.commit(["bot1"], bundles!);
    writeFileSync(join(dir, "state", "bundles", `${bundles!.digest}.enc`), "damaged");
    await write("bundles/prod.env", { A: "0" }, at(0));
    expect((await reader.read()).fault).toBeNull();
  });

  test("for each of several by its own time", async () => {
    const kept = await memory();
    const listed = config({ SIDECRYPT_BUNDLE: "a.env,b.env", SIDECRYPT_ALLOW_OLDER: "no" });
    const reader = new Reader(listed, kept, clock);
    await write("bundles/a.env", { A: "1" }, at(5));
    await write("bundles/b.env", { B: "1" }, at(1));
    await kept.commit(["bot1"], (await reader.read()).bundles!);
    await write("bundles/b.env", { B: "2" }, at(2));
    expect((await reader.read()).fault).toBeNull();
    await write("bundles/b.env", { B: "0" }, at(0));
    expect((await reader.read()).fault).toMatchObject({ code: "bundle-older" });
  });
});
