/** Tars as the real tar writes them, and what is none. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isTar, readTar } from "../../src/docker/tar-stream.ts";

const LONG = `${"directory/".repeat(13)}${"name".repeat(30)}.txt`;
const FILES: Readonly<Record<string, string>> = {
  "a.txt": "first",
  empty: "",
  "b.bin": "x".repeat(512),
  [LONG]: "under a long name",
  "größe.txt": "é",
  last: "y".repeat(100_001),
};
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "sidecrypt-tar-"));
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  symlinkSync("a.txt", join(directory, "link"));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const tarOf = (format: string): Buffer =>
  execFileSync("tar", [`--format=${format}`, "--create", "--directory", directory, ...Object.keys(FILES), "link"], {
    maxBuffer: 2 ** 28,
  });

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(tar: AsyncIterable<Uint8Array>, isRead: (path: string) => boolean): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { path, isFile, body } of readTar(tar)) {
    const pieces: Buffer[] = [];
    if (isRead(path)) for await (const piece of body) pieces.push(piece);
    if (isFile) found.push([path, Buffer.concat(pieces).toString()]);
  }
  return found;
}

describe.each(["gnu", "pax"])("a tar of the format %s", (format) => {
  it.each([1, 511, 512, 10_000, 1_000_000])("is read in pieces of %i bytes", async (size) => {
    const tar = tarOf(format);
    expect(isTar(tar)).toBe(true);
    expect(await read(inPieces(tar, size), () => true)).toEqual(Object.entries(FILES));
  });

  it("goes on behind an entry that nobody has read", async () => {
    const found = await read(inPieces(tarOf(format), 777), (path) => path === "last");
    expect(found.at(-1)).toEqual(["last", FILES["last"]]);
    expect(found.map(([path]) => path)).toEqual(Object.keys(FILES));
  });

  it("that is cut within an entry is an error", async () => {
    const tar = tarOf(format);
    const cut = tar.subarray(0, tar.lastIndexOf("y") - 5);
    await expect(read(inPieces(cut, 1000), () => true)).rejects.toThrow("not understood");
  });
});

it("what is no tar is an error", async () => {
  await expect(read(inPieces(Buffer.from("hello".repeat(500)), 100), () => true)).rejects.toThrow("not understood");
});
