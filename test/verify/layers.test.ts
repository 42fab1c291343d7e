/** Images as `docker save` writes them, old and new: built here by tar and gzip, in place of an engine. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Evidence } from "../../src/docker/evidence.ts";
import { createSearcher } from "../../src/search/index.ts";
import { lookAtLayers } from "../../src/verify/layers.ts";
import { Sightings } from "../../src/verify/sightings.ts";

const VALUE = "k7Qw9zXp2LmN4vRtB8sD1fGh";
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sidecrypt-layers-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function tarOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const root = mkdtempSync(join(directory, "tar-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return execFileSync("tar", ["--create", "--directory", root, ...Object.keys(files)], { maxBuffer: 2 ** 28 });
}

async function look(archives: Readonly<Record<string, Buffer>>): Promise<Sightings> {
  const into = new Sightings(createSearcher([{ name: "KEY", value: Buffer.from(VALUE) }], { shapes: true }));
  const evidence = {
    async *archive(id: string) {
      const tar = archives[id] ?? Buffer.alloc(0);
      for (let at = 0; at < tar.length; at += 5000) yield await Promise.resolve(tar.subarray(at, at + 5000));
    },
  } as unknown as Evidence;
  const images = new Map(Object.keys(archives).map((id) => [id, `${id}:1`]));
  await lookAtLayers({ evidence, changes: () => Promise.resolve([]), into, ownFiles: new Map() }, images);
  return into;
}

const seen = ({ all }: Sightings): string[] =>
  all.map(({ subject, name, place, form }) => [subject, name, place, form].join(" | "));

test("a file of a lower layer that a later one has removed is found, and so is a name", async () => {
  const lower = tarOf({ "app/.env": `KEY=${VALUE}\n`, "app/bot.py": "print()" });
  const upper = tarOf({ "app/.wh..env": "", [`app/${VALUE}`]: "" });
  const into = await look({ bot: tarOf({ "1/layer.tar": lower, "2/layer.tar": upper, "manifest.json": "[]" }) });
  expect(into.gaps).toEqual([]);
  expect(seen(into)).toEqual([
    "bot:1 | KEY | file /app/.env of a layer | raw",
    "bot:1 | KEY | name of a file in a layer | raw",
  ]);
});

test("a layer that is compressed is read, and a file that is long is searched to its end", async () => {
  const encoded = Buffer.from(`bot:${VALUE}`).toString("base64");
  const layer = tarOf({
    "var/log/build.log": `${"a line of a build\n".repeat(200_000)}Authorization: Basic ${encoded}\n`,
  });
  const into = await look({ bot: tarOf({ "blobs/sha256/1": gzipSync(layer), "blobs/sha256/2": '{"config":1}' }) });
  expect(into.gaps).toEqual([]);
  expect(seen(into)).toEqual(["bot:1 | KEY | file /var/log/build.log of a layer | base64"]);
});

test("a layer that two images share is looked at once", async () => {
  const image = tarOf({ "blobs/sha256/1": tarOf({ a: VALUE }) });
  const into = await look({ one: image, two: image });
  expect([into.counted("files"), seen(into)]).toEqual([1, ["one:1 | KEY | file /a of a layer | raw"]]);
});

test.each([
  ["zstd", Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(1000)]), "a layer"],
  ["a broken gzip", gzipSync(Buffer.from("x".repeat(5000))).subarray(0, 20), "files in its layers"],
])("%s is a gap", async (_, layer, what) => {
  const { gaps, all } = await look({ bot: tarOf({ "blobs/sha256/1": layer }) });
  expect([gaps.map((gap) => gap.what), all]).toEqual([[what], []]);
});

test("an archive that ends too early is a gap", async () => {
  const image = tarOf({ "1/layer.tar": tarOf({ a: "x".repeat(20_000) }) });
  const { gaps } = await look({ bot: image.subarray(0, 10_000) });
  expect(gaps.map(({ subject, what }) => [subject, what])).toEqual([["bot:1", "files in its layers"]]);
});
