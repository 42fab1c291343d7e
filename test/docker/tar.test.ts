import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { readFileFromTar, tarOf } from "../../src/docker/tar.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sidecrypt-tar-"));
  onTestFinished(() => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}

const anything = fc.record({
  content: fc.uint8Array({ maxLength: 1_500 }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 4_000_000_000 }),
  gid: fc.integer({ min: 0, max: 4_000_000_000 }),
  attributes: fc.constant(new Map([["SCHILY.xattr.user.a", Buffer.from("b\nc=d")]])),
});

test("H17: a file that was packed is the file that is unpacked, whatever its owner, mode and content", () => {
  fc.assert(
    fc.property(anything, (file) => {
      const read = readFileFromTar(tarOf("/etc/bot.conf", file, 1_700_000_000));
      expect(read).toEqual({ ...file, content: Buffer.from(file.content) });
    }),
  );
});

test("H17: the system's tar reads what is written here, under its full path however long", () => {
  const at = folder();
  const path = `/etc/${"long-directory/".repeat(12)}bot ü.conf`;
  const file = { content: Buffer.from("value"), mode: 0o640, uid: 0, gid: 0, attributes: new Map() };
  writeFileSync(join(at, "made.tar"), tarOf(path, file, 1_700_000_000));
  execFileSync("tar", ["-xf", "made.tar", "--no-same-owner"], { cwd: at, env: { ...process.env, LC_ALL: "C.UTF-8" } });
  const made = join(at, path);
  expect(readFileSync(made, "utf8")).toBe("value");
  expect(statSync(made).mtimeMs).toBe(1_700_000_000_000);
});

test.each(["pax", "ustar"])("H17: what the system's tar writes is read here (%s)", (format) => {
  const at = folder();
  writeFileSync(join(at, "conf"), "value", { mode: 0o600 });
  execFileSync("tar", ["-cf", "made.tar", `--format=${format}`, "--owner=12", "--group=34", "conf"], { cwd: at });
  const read = readFileFromTar(readFileSync(join(at, "made.tar")));
  expect(read).toMatchObject({ mode: 0o600, uid: 12, gid: 34 });
  expect(Buffer.from(read!.content).toString()).toBe("value");
});

test("a directory is no file, and half a tar is an error", () => {
  const at = folder();
  mkdirSync(join(at, "directory"));
  execFileSync("tar", ["-cf", "made.tar", "directory"], { cwd: at });
  expect(readFileFromTar(readFileSync(join(at, "made.tar")))).toBeNull();
  const file = { content: Buffer.alloc(600), mode: 0o640, uid: 0, gid: 0, attributes: new Map() };
  expect(() => readFileFromTar(tarOf("/a", file, 0).subarray(0, 2_000))).toThrow("is not understood");
});
