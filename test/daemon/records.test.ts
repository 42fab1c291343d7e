/** Rolls under way, as they stand in /state. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RecordFile } from "../../src/daemon/records.ts";
import type { RollRecord } from "../../src/roll/record.ts";

function state(): string {
  const dir = mkdtempSync(join(tmpdir(), "sidecrypt-records-"));
  onTestFinished(() => {
    rmSync(dir, { recursive: true });
  });
  return dir;
}

const record = (operation: string, phase: RollRecord["phase"] = "rolling"): RollRecord => ({
  operation,
  phase,
  generations: { "bot-secrets": "a".repeat(32) },
  givenUp: null,
  members: [
    {
      service: "bot",
      container: "c".repeat(64),
      volume: "bot-secrets",
      how: "restart",
      wave: 0,
      follows: ["redis"],
      parked: true,
      asleep: false,
      policy: null,
    },
  ],
});

test("a record outlives the process that wrote it, and is gone once it is erased", async () => {
  const dir = state();
  const records = await RecordFile.load(dir);
  await records.write(record("one"));
  await records.write(record("two"));
  await records.write(record("one", "committing"));

  const next = await RecordFile.load(dir);
  expect(next.all).toEqual([record("two"), record("one", "committing")]);

  await next.erase("two");
  await next.erase("one");
  expect((await RecordFile.load(dir)).all).toEqual([]);
});

test("so does a restart, beside the rolls", async () => {
  const dir = state();
  const records = await RecordFile.load(dir);
  await records.beginRestart("a".repeat(64));
  await records.write(record("one"));
  await Promise.all([records.beginRestart("b".repeat(64)), records.beginRestart("a".repeat(64))]);
  await records.endRestart("b".repeat(64));
  const next = await RecordFile.load(dir);
  expect([next.restarts, next.all]).toEqual([["a".repeat(64)], [record("one")]]);
});

test("what a version wrote that kept no restarts is read", async () => {
  const dir = state();
  writeFileSync(join(dir, "rolls.json"), JSON.stringify({ version: 1, rolls: [record("one")] }));
  const records = await RecordFile.load(dir);
  expect([records.restarts, records.all]).toEqual([[], [record("one")]]);
});

test("units that roll at once lose none of each other's", async () => {
  const dir = state();
  const records = await RecordFile.load(dir);
  const names = Array.from({ length: 20 }, (_, n) => `operation-${n}`);
  await Promise.all(names.map((name) => records.write(record(name))));
  await Promise.all(names.slice(0, 10).map((name) => records.erase(name)));
  expect((await RecordFile.load(dir)).all.map(({ operation }) => operation)).toEqual(names.slice(10));
});

test.each(["", "{", '{"version":1,"rolls":[{"operation":1}]}', '{"version":2,"rolls":[]}'])(
  "one that is damaged tells nothing: %j",
  async (text) => {
    const dir = state();
    writeFileSync(join(dir, "rolls.json"), text);
    expect((await RecordFile.load(dir)).all).toEqual([]);
  },
);

test("it is the owner's alone, and holds ids and names only", async () => {
  const dir = state();
  const records = await RecordFile.load(dir);
  await records.write(record("one"));
  expect(statSync(join(dir, "rolls.json")).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(join(dir, "rolls.json"), "utf8"))).toEqual({
    version: 1,
    restarts: [],
    rolls: [record("one")],
  });
});

test("a state that cannot be written to is said by its name", async () => {
  const dir = state();
  const records = await RecordFile.load(join(dir, "gone"));
  await expect(records.write(record("one"))).rejects.toMatchObject({ code: "state-unwritable" });
});
