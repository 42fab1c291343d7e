import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  LARGEST_BUNDLE,
  asSet,
  findBundle,
  findBundles,
  isLeftover,
  readBundle,
  refuseSingleFile,
} from "../../src/source/index.ts";
import { BUNDLE, folder, looksLikeBundle } from "./folders.ts";

const said = (text: string) => expect.stringContaining(text) as string;
const find = (dir: string, named: string | null = null) => findBundle(dir, named, looksLikeBundle);

describe("several bundles", () => {
  test("are those that are listed, in their order, beside each other or not", async () => {
    const [dir, other] = [folder(), folder()];
    for (const path of [join(dir, "b.env"), join(dir, "a.env"), join(other, "c.env")]) writeFileSync(path, BUNDLE);
    expect(await findBundles(dir, ["b.env", join(other, "c.env"), "a.env"], looksLikeBundle)).toEqual([
      { name: "b.env", path: join(dir, "b.env") },
      { name: join(other, "c.env"), path: join(other, "c.env") },
      { name: "a.env", path: join(dir, "a.env") },
    ]);
    await expect(findBundles(dir, ["a.env", "gone.env"], looksLikeBundle)).rejects.toMatchObject({
      code: "bundle-missing",
      message: said("gone.env"),
    });
  });

  test("with none listed, are the only one that is there", async () => {
    const dir = folder();
    writeFileSync(join(dir, "a.env"), BUNDLE);
    expect(await findBundles(dir, [], looksLikeBundle)).toEqual([{ name: "", path: join(dir, "a.env") }]);
  });

  test("have one digest: that of the file, where there is one; of all of them in their order, where there are more", () => {
    const listed = (digest: string) => ({ name: "", path: "", bytes: Buffer.alloc(0), digest });
    expect(asSet([listed("aa")]).digest).toBe("aa");
    const digests = [asSet([listed("aa"), listed("bb")]), asSet([listed("bb"), listed("aa")]), asSet([listed("aabb")])];
    expect(new Set(digests.map(({ digest }) => digest)).size).toBe(3);
    expect(asSet([listed("aa"), listed("bb")]).digest).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("findBundle", () => {
  test("takes the one file that looks like a bundle, whatever it is called", async () => {
    const dir = folder();
    writeFileSync(join(dir, "README.md"), "# our bots");
    writeFileSync(join(dir, "production"), BUNDLE);
    mkdirSync(join(dir, "old"));
    writeFileSync(join(dir, "old", "production"), BUNDLE);
    expect(await find(dir)).toBe(join(dir, "production"));
  });

  test.each([".env.enc", "secrets.enc.env"])("%s counts even when it holds something else", async (name) => {
    const dir = folder();
    writeFileSync(join(dir, name), "");
    expect(await find(dir)).toBe(join(dir, name));
    writeFileSync(join(dir, "second"), BUNDLE);
    await expect(find(dir)).rejects.toMatchObject({ code: "bundle-ambiguous" });
  });

  test("what editors and git leave behind does not count", async () => {
    const dir = folder();
    const leftovers = [".env.enc~", ".env.enc.swp", "a.tmp", "a.orig", "a.bak", "a.lock", ".#.env.enc", "#a#", "4913"];
    for (const name of [".env.enc", ...leftovers]) writeFileSync(join(dir, name), BUNDLE);
    expect(await find(dir)).toBe(join(dir, ".env.enc"));
    expect(leftovers.filter((name) => !isLeftover(name))).toEqual([]);
    expect([".env.enc", "tmp", "lock.env", "backup"].filter(isLeftover)).toEqual([]);
  });

  test("links to files count; links to nothing and to directories do not", async () => {
    const dir = folder();
    mkdirSync(join(dir, "..2026"));
    writeFileSync(join(dir, "..2026", "bundle"), BUNDLE);
    symlinkSync("..2026", join(dir, "..data"));
    symlinkSync("nowhere", join(dir, "dangling"));
    symlinkSync("..data/bundle", join(dir, "bundle"));
    expect(await find(dir)).toBe(join(dir, "bundle"));
  });

  test("a file too large to be one is not read", async () => {
    const dir = folder();
    writeFileSync(join(dir, "dump"), BUNDLE);
    truncateSync(join(dir, "dump"), LARGEST_BUNDLE + 1);
    await expect(find(dir)).rejects.toMatchObject({ code: "bundle-missing" });
  });

  test("two are an error that names both, and the way to choose", async () => {
    const dir = folder();
    writeFileSync(join(dir, "b.env"), BUNDLE);
    linkSync(join(dir, "b.env"), join(dir, "a.env"));
    await expect(find(dir)).rejects.toMatchObject({
      code: "bundle-ambiguous",
      message: said("a.env, b.env"),
      hint: said("SIDECRYPT_BUNDLE=a.env"),
    });
    expect(await find(dir, "b.env")).toBe(join(dir, "b.env"));
    expect(await find("/elsewhere", join(dir, "a.env"))).toBe(join(dir, "a.env"));
  });

  test("none is an error that says where and what was looked for", async () => {
    const dir = folder();
    await expect(find(dir)).rejects.toMatchObject({
      code: "bundle-missing",
      message: said(`${dir}: looked for .env.enc`),
    });
    await expect(find(dir, "x.env")).rejects.toMatchObject({
      code: "bundle-missing",
      message: said(join(dir, "x.env")),
    });
    await expect(find(dir, ".")).rejects.toMatchObject({ code: "bundle-unreadable" });
  });

  test("a directory that is not there, or is a file", async () => {
    const dir = folder();
    await expect(find(join(dir, "no"))).rejects.toMatchObject({ code: "bundle-unreadable", message: said("ENOENT") });
    writeFileSync(join(dir, "file"), BUNDLE);
    await expect(find(join(dir, "file"))).rejects.toMatchObject({ code: "bundle-single-file" });
  });

  test("what cannot be read says whose it is and who asks", () => {
    const dir = folder();
    writeFileSync(join(dir, "bundle"), BUNDLE);
    chmodSync(join(dir, "bundle"), 0o600);
    chmodSync(dir, 0o755);
    expect(findAs(dir)).toMatchObject({
      code: "bundle-unreadable",
      message: said("it is 0:0 0600, and sidecrypt runs as uid 10001"),
    });
    chmodSync(dir, 0o700);
    expect(findAs(dir)).toMatchObject({ code: "bundle-unreadable", message: said(`${dir} (EACCES); it is 0:0 0700`) });
  });
});

/** A reader of another uid; the test itself is root, to whom nothing is unreadable. */
function findAs(dir: string): unknown {
  if (process.getuid?.() !== 0) throw new Error("this test reads as another user: run it as root");
  const program = fileURLToPath(new URL("find.program.ts", import.meta.url));
  const user = ["--reuid=10001", "--regid=10001", "--clear-groups"];
  const args = [...user, process.execPath, "--import", "tsx", program, dir];
  return JSON.parse(execFileSync("setpriv", args, { encoding: "utf8" }));
}

describe("readBundle", () => {
  test("gives the bytes and their digest", async () => {
    const path = join(folder(), "bundle");
    const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
    writeFileSync(path, bytes);
    const bundle = await readBundle(path);
    expect(bundle).toMatchObject({ path, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(Buffer.from(bundle.bytes).equals(bytes)).toBe(true);
  });

  test("an empty file has the digest of nothing", async () => {
    const path = join(folder(), "bundle");
    writeFileSync(path, "");
    expect((await readBundle(path)).digest).toMatch(/^e3b0c44298fc1c14/);
  });

  test("refuses what is too large, not there, or not a file, without waiting", async () => {
    const dir = folder();
    const path = join(dir, "bundle");
    await expect(readBundle(path)).rejects.toMatchObject({ code: "bundle-missing" });
    await expect(readBundle(dir)).rejects.toMatchObject({ code: "bundle-unreadable" });
    writeFileSync(path, "");
    truncateSync(path, LARGEST_BUNDLE + 1);
    await expect(readBundle(path)).rejects.toMatchObject({ code: "bundle-too-large" });
    execFileSync("mkfifo", [join(dir, "fifo")]);
    await expect(readBundle(join(dir, "fifo"))).rejects.toMatchObject({ code: "bundle-unreadable" });
  });
});

describe("refuseSingleFile", () => {
  const line = (point: string) => `43 27 0:39 /home/op/stack/.env.enc ${point} ro,relatime - ext4 /dev/vda rw\n`;

  test("finds the file itself among the mounts, escapes undone", async () => {
    await expect(refuseSingleFile("/bundle/.env.enc", line("/bundle/.env.enc"))).rejects.toMatchObject({
      code: "bundle-single-file",
      message: said("git pull"),
      hint: said('"- ./secrets:/bundle:ro"'),
    });
    await expect(refuseSingleFile("/bundle/my env", line("/bundle/my\\040env"))).rejects.toMatchObject({
      code: "bundle-single-file",
    });
  });

  test("a mounted directory is how it should be", async () => {
    await refuseSingleFile("/bundle/.env.enc", line("/bundle") + line("/bundle/.env.enc.d"));
  });

  test("a real bind mount of a file, also behind a link", async () => {
    const dir = folder();
    writeFileSync(join(dir, "host"), BUNDLE);
    writeFileSync(join(dir, "bundle"), "");
    symlinkSync("bundle", join(dir, "link"));
    await refuseSingleFile(join(dir, "bundle"));
    execFileSync("mount", ["--bind", join(dir, "host"), join(dir, "bundle")]);
    try {
      await expect(refuseSingleFile(join(dir, "bundle"))).rejects.toMatchObject({ code: "bundle-single-file" });
      await expect(refuseSingleFile(join(dir, "link"))).rejects.toMatchObject({ code: "bundle-single-file" });
    } finally {
      execFileSync("umount", [join(dir, "bundle")]);
    }
  });
});
