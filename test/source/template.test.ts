/** Templates are read from beside the bundle, and from nowhere else. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readTemplates } from "../../src/source/index.ts";
import { LARGEST_TEMPLATE } from "../../src/source/template.ts";

function folder(): string {
  const root = mkdtempSync(join(tmpdir(), "sidecrypt-template-"));
  onTestFinished(() => {
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(join(root, "bundle"));
  return root;
}

test("a file by its name, and a link to one beside it", async () => {
  const root = folder();
  const dir = join(root, "bundle");
  writeFileSync(join(dir, "a.tpl"), "{{ A }}");
  symlinkSync("a.tpl", join(dir, "b.tpl"));
  symlinkSync("bundle", join(root, "linked"));
  for (const from of [dir, join(root, "linked")]) {
    const found = await readTemplates(from, ["a.tpl", "b.tpl", "a.tpl"]);
    expect(found).toEqual(new Map(["a.tpl", "b.tpl"].map((name) => [name, Buffer.from("{{ A }}")])));
  }
});

test("nothing that lies elsewhere, whoever pushed the link", async () => {
  const root = folder();
  const dir = join(root, "bundle");
  writeFileSync(join(root, "age.key"), "AGE-SECRET-KEY-1");
  mkdirSync(join(dir, "below"));
  writeFileSync(join(dir, "below", "c.tpl"), "x");
  symlinkSync("../age.key", join(dir, "a.tpl"));
  symlinkSync(join(root, "age.key"), join(dir, "b.tpl"));
  symlinkSync("below/c.tpl", join(dir, "c.tpl"));
  const found = await readTemplates(dir, ["a.tpl", "b.tpl", "c.tpl", "../age.key", "below/c.tpl"]);
  for (const [name, one] of found) {
    expect(one).toMatchObject({
      code: "render-failed",
      message: `template ${name} is a link that leads out of ${dir}`,
    });
  }
  expect(found.size).toBe(5);
});

test("what cannot be one is a fault of its own, and the others are read", async () => {
  const dir = join(folder(), "bundle");
  writeFileSync(join(dir, "good.tpl"), "");
  writeFileSync(join(dir, "large.tpl"), "x".repeat(LARGEST_TEMPLATE + 1));
  writeFileSync(join(dir, "largest.tpl"), "x".repeat(LARGEST_TEMPLATE));
  mkdirSync(join(dir, "dir.tpl"));
  execFileSync("mkfifo", [join(dir, "pipe.tpl")]);
  const names = ["good.tpl", "largest.tpl", "large.tpl", "dir.tpl", "pipe.tpl", "gone.tpl"];
  const found = await readTemplates(dir, names);
  const lengths = ["good.tpl", "largest.tpl"].map((name) => (found.get(name) as Uint8Array).length);
  expect(lengths).toEqual([0, LARGEST_TEMPLATE]);
  const said = names.slice(2).map((name) => (found.get(name) as { readonly message: string }).message);
  expect(said).toEqual([
    "template large.tpl is larger than 256 KiB",
    "template dir.tpl is not a file",
    "template pipe.tpl is not a file",
    `template gone.tpl is not in ${dir}`,
  ]);
});
