import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Memory } from "../../src/daemon/memory.ts";
import { asSet } from "../../src/source/index.ts";
import type { BundleSet, ListedBundle, Quarantine, Templates } from "../../src/types.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sidecrypt-memory-"));
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

const listed = (letter: string, name = ""): ListedBundle => ({
  name,
  path: "secrets.enc.env",
  bytes: Buffer.from(`KEY=ENC[${letter}]`),
  digest: letter.repeat(64),
});
const bundle = (letter: string): BundleSet => asSet([listed(letter)]);

const entry = (service: string): Quarantine => ({
  generations: { [`${service}-secrets`]: "0011223344556677" },
  names: ["KEY"],
  services: [service],
  reason: "it turned unhealthy",
  at: "2026-01-01T00:00:00.000Z",
});

const kept = (dir: string): string[] => readdirSync(join(dir, "bundles")).toSorted();

test("everything is there again after a restart", async () => {
  const dir = folder();
  const before = await Memory.load(dir);
  await before.commit(["bot1", "bot2"], bundle("a"));
  await before.addQuarantine(entry("bot1"));
  await before.addQuarantine(entry("redis"));
  const after = await Memory.load(dir);
  expect(after.committed).toEqual({ bot1: "a".repeat(64), bot2: "a".repeat(64) });
  expect(after.quarantine).toEqual([entry("bot1"), entry("redis")]);
  const found = await after.bundles("a".repeat(64));
  expect(found).toMatchObject({ digest: "a".repeat(64), bundles: [{ name: "", bytes: listed("a").bytes }] });
});

describe("templates that files were made of", () => {
  const templates = (files: Readonly<Record<string, string>>): ReadonlyMap<string, Templates> =>
    new Map([["bot1", new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]))]]);
  const files = (dir: string): string[] => readdirSync(join(dir, "templates")).toSorted();

  test("are kept with the commit of their drop, and go with it", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"), templates({ "a.tpl": "one", "b.tpl": "one" }));
    expect(files(dir)).toHaveLength(1);
    expect(await (await Memory.load(dir)).templates()).toEqual(templates({ "a.tpl": "one", "b.tpl": "one" }));
    await memory.commit(["bot1"], bundle("a"), templates({ "a.tpl": "two" }));
    expect(await (await Memory.load(dir)).templates()).toEqual(templates({ "a.tpl": "two" }));
    expect(files(dir)).toHaveLength(1);
    await memory.commit(["bot1"], bundle("a"), new Map());
    expect(files(dir)).toEqual([]);
  });

  test("are written once where nothing changes", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"), templates({ "a.tpl": "one" }));
    const written = statSync(join(dir, "memory.json")).ino;
    await memory.commit(["bot1"], bundle("a"), templates({ "a.tpl": "one" }));
    expect(statSync(join(dir, "memory.json")).ino).toBe(written);
  });

  test("that are gone are left out, and a memory of a version that had none is kept", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"), templates({ "a.tpl": "one" }));
    for (const name of files(dir)) rmSync(join(dir, "templates", name));
    expect(await memory.templates()).toEqual(templates({}));
    const older = JSON.parse(readFileSync(join(dir, "memory.json"), "utf8")) as { templates?: unknown };
    delete older.templates;
    writeFileSync(join(dir, "memory.json"), JSON.stringify(older));
    expect((await Memory.load(dir)).committed).toEqual({ bot1: "a".repeat(64) });
  });
});

describe("a memory that is lost is an empty one", () => {
  test.each([
    ["absent", null],
    ["empty", ""],
    ["cut off", '{"version":1,"committed":{'],
    ["of another version", '{"version":2,"committed":{},"quarantine":[]}'],
    ["with a digest that is a path", '{"version":1,"committed":{"bot1":"../../etc/passwd"},"quarantine":[]}'],
    ["not of this world", "null"],
  ])("%s", async (_, text) => {
    const dir = folder();
    if (text !== null) writeFileSync(join(dir, "memory.json"), text);
    const memory = await Memory.load(dir);
    expect(memory.committed).toEqual({});
    expect(memory.quarantine).toEqual([]);
    await memory.addQuarantine(entry("bot1"));
    expect((await Memory.load(dir)).quarantine).toEqual([entry("bot1")]);
  });

  test("a bundle that is gone is null", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"));
    rmSync(join(dir, "bundles"), { recursive: true });
    expect(await memory.bundles("a".repeat(64))).toBeNull();
    expect((await Memory.load(dir)).committed).toEqual({ bot1: "a".repeat(64) });
  });
});

describe("a directory that cannot be written", () => {
  test("is told at the start, with the line to paste", async () => {
    const dir = join(folder(), "state");
    writeFileSync(dir, "a file in its place");
    await expect(Memory.load(dir)).rejects.toMatchObject({
      code: "state-unwritable",
      hint: `mount a volume there: - sidecrypt-state:${dir}`,
    });
  });

  test("and later", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    rmSync(dir, { recursive: true });
    await expect(memory.addQuarantine(entry("bot1"))).rejects.toMatchObject({ code: "state-unwritable" });
    await expect(memory.commit(["bot1"], bundle("a"))).rejects.toMatchObject({ code: "state-unwritable" });
  });
});

describe("bundles", () => {
  test("only those that a drop was committed from are kept", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1", "bot2"], bundle("a"));
    await memory.commit(["bot1"], bundle("b"));
    expect(kept(dir)).toEqual([`${"a".repeat(64)}.enc`, `${"b".repeat(64)}.enc`]);
    await memory.commit(["bot2"], bundle("c"));
    expect(kept(dir)).toEqual([`${"b".repeat(64)}.enc`, `${"c".repeat(64)}.enc`]);
    await memory.commit(["bot1", "bot2"], bundle("c"));
    expect(kept(dir)).toEqual([`${"c".repeat(64)}.enc`]);
  });

  test("of several, each is kept once, and comes back in its place", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    const first = asSet([listed("a", "common.env"), listed("b", "prod.env")]);
    const second = asSet([listed("a", "common.env"), listed("c", "prod.env")]);
    await memory.commit(["bot1", "bot2"], first);
    await memory.commit(["bot1"], second);
    expect(kept(dir)).toEqual(["a", "b", "c"].map((letter) => `${letter.repeat(64)}.enc`));
    const after = await Memory.load(dir);
    expect(after.committed).toEqual({ bot1: second.digest, bot2: first.digest });
    expect((await after.bundles(second.digest))?.bundles.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["common.env", listed("a").bytes],
      ["prod.env", listed("c").bytes],
    ]);
    await after.commit(["bot2"], second);
    expect(kept(dir)).toEqual(["a", "c"].map((letter) => `${letter.repeat(64)}.enc`));
    rmSync(join(dir, "bundles", `${"a".repeat(64)}.enc`));
    expect(await after.bundles(second.digest)).toBeNull();
  });

  test("what a version that knew one bundle only has committed is still there", async () => {
    const dir = folder();
    await (await Memory.load(dir)).commit(["bot1"], bundle("a"));
    const { sets, ...older } = JSON.parse(readFileSync(join(dir, "memory.json"), "utf8")) as Record<string, unknown>;
    expect(sets).toBeDefined();
    writeFileSync(join(dir, "memory.json"), JSON.stringify(older));
    const found = await (await Memory.load(dir)).bundles("a".repeat(64));
    expect(found?.bundles.map(({ bytes }) => bytes)).toEqual([listed("a").bytes]);
  });

  test("those of drops that are gone are forgotten", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"));
    await memory.commit(["gone"], bundle("b"));
    await memory.forgetOtherDrops(["bot1", "bot2"]);
    expect((await Memory.load(dir)).committed).toEqual({ bot1: "a".repeat(64) });
    expect(kept(dir)).toEqual([`${"a".repeat(64)}.enc`]);
  });

  test("a commit that changes nothing writes nothing", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"));
    const before = statSync(join(dir, "memory.json"), { bigint: true });
    await memory.commit(["bot1"], bundle("a"));
    await memory.commit([], bundle("b"));
    expect(statSync(join(dir, "memory.json"), { bigint: true })).toMatchObject({ ino: before.ino });
    expect(kept(dir)).toEqual([`${"a".repeat(64)}.enc`]);
  });
});

test("nobody else may read it, whatever the umask", async () => {
  const before = process.umask(0);
  const dir = folder();
  try {
    const memory = await Memory.load(dir);
    await memory.commit(["bot1"], bundle("a"));
  } finally {
    process.umask(before);
  }
  for (const path of ["memory.json", join("bundles", `${"a".repeat(64)}.enc`)]) {
    expect(statSync(join(dir, path)).mode & 0o777, path).toBe(0o600);
  }
});

test("no temporary file stays, and none of an older run is in the way", async () => {
  const dir = folder();
  writeFileSync(join(dir, "memory.json.tmp"), "half a");
  const memory = await Memory.load(dir);
  await memory.addQuarantine(entry("bot1"));
  expect(readdirSync(dir).toSorted()).toEqual(["bundles", "memory.json", "templates"]);
  expect(readFileSync(join(dir, "memory.json"), "utf8")).toContain("bot1");
});

describe("H46: the rolls of late", () => {
  test("are there again after a restart, as long as they can matter", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.addRolls(["bot1"], 1_000, 500);
    await memory.addRolls(["bot1", "bot2"], 1_400, 500);
    await memory.addRolls(["bot3"], 1_600, 500);
    const kept = [
      { service: "bot1", at: 1_400 },
      { service: "bot2", at: 1_400 },
      { service: "bot3", at: 1_600 },
    ];
    expect((await Memory.load(dir)).rolls).toEqual(kept);
    await memory.forgetRolls(({ service }) => service === "bot2");
    expect((await Memory.load(dir)).rolls.map(({ service }) => service)).toEqual(["bot1", "bot3"]);
  });

  test.each([
    ["of a version that kept none", undefined],
    ["damaged", [{ service: "bot1", at: "yesterday" }]],
  ])("%s: an empty budget, and the quarantine is kept", async (_, rolls) => {
    const dir = folder();
    const text = JSON.stringify({ version: 1, committed: {}, quarantine: [entry("bot1")], rolls });
    writeFileSync(join(dir, "memory.json"), text);
    const memory = await Memory.load(dir);
    expect([memory.rolls, memory.quarantine]).toEqual([[], [entry("bot1")]]);
  });
});

test("what two units have to say at one moment is written down whole", async () => {
  const dir = folder();
  const memory = await Memory.load(dir);
  const services = ["bot1", "bot2", "bot3", "bot4"];
  await Promise.all(services.map((service) => memory.addQuarantine(entry(service))));
  expect((await Memory.load(dir)).quarantine.map((one) => one.services[0])).toEqual(services);
});

describe("quarantine", () => {
  test("is cleared by service, and says whose", async () => {
    const dir = folder();
    const memory = await Memory.load(dir);
    await memory.addQuarantine(entry("bot1"));
    await memory.addQuarantine(entry("redis"));
    expect(await memory.clearQuarantine((one) => one.services.includes("redis"))).toEqual(["redis"]);
    expect(await memory.clearQuarantine((one) => one.services.includes("redis"))).toEqual([]);
    expect((await Memory.load(dir)).quarantine).toEqual([entry("bot1")]);
  });
});
