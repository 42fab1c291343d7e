import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sidecrypt, workshop, type Options, type Workshop } from "./harness.ts";

const CANARY = "c4nary-value";

let shop: Workshop;
/** A directory in memory where the plaintext goes, so that what is left of it is seen. */
let memory: string;
beforeEach(async () => {
  shop = await workshop({ BOT1_API_KEY: CANARY, REDIS_PASSWORD: "hunter2hunter2" });
  memory = await mkdtemp("/dev/shm/sidecrypt-test-");
});
afterEach(async () => {
  await shop.remove();
  await rm(memory, { recursive: true });
});

/** A shell script for an editor; `$1` is the file. */
async function editor(script: string): Promise<string> {
  const path = join(shop.dir, "editor.sh");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

async function edit(script: string, options: Options = {}) {
  const env = { ...shop.env, PATH: process.env["PATH"] ?? "", XDG_RUNTIME_DIR: memory, EDITOR: await editor(script) };
  const result = await sidecrypt(["edit"], { ...options, env: { ...env, ...options.env } });
  expect(await readdir(memory)).toEqual([]);
  return result;
}

const bundle = () => readFile(shop.bundle, "utf8");
const decrypted = async () => (await sidecrypt(["decrypt", "-o", "-"], { env: shop.env })).stdout;

describe("sidecrypt edit", () => {
  it("encrypts what was saved, and leaves what did not change byte for byte", async () => {
    const before = await bundle();
    const { status, stdout, stderr } = await edit('sed -i "s/c4nary/other/; \\$a NEW_KEY=new-value" "$1"');
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toBe(
      `sidecrypt: changed BOT1_API_KEY\nsidecrypt: added NEW_KEY\nsidecrypt: ${shop.bundle} written\n`,
    );
    expect(await decrypted()).toBe("BOT1_API_KEY=other-value\nREDIS_PASSWORD=hunter2hunter2\nNEW_KEY=new-value\n");
    const line = before.split("\n").find((one) => one.startsWith("REDIS_PASSWORD="));
    expect(await bundle()).toContain(`${line ?? "none"}\n`);
  });

  it("shows the plaintext under the bundle's name, to its owner only, in memory", async () => {
    const seen = join(shop.dir, "seen");
    await edit(`{ basename "$1"; stat -c %a "$1" "$(dirname "$1")"; stat -f -c %T "$1"; cat "$1"; } > ${seen}`);
    expect(await readFile(seen, "utf8")).toBe(
      `prod.enc.env\n600\n700\ntmpfs\nBOT1_API_KEY=${CANARY}\nREDIS_PASSWORD=hunter2hunter2\n`,
    );
  });

  it("leaves the file untouched where nothing changed", async () => {
    const before = await stat(shop.bundle);
    const { status, stderr } = await edit("touch $1");
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `sidecrypt: nothing was changed; ${shop.bundle} is left as it is\n`,
    });
    expect((await stat(shop.bundle)).ino).toBe(before.ino);
  });

  it.each([
    ["fails", "echo X=broken >> $1; exit 3", "ended with status 3; nothing was changed"],
    ["is killed", "kill -9 $$", "nothing was changed"],
    ["leaves what cannot be encrypted, and nobody can be asked", "echo BOT1_API_KEY=twice-c4nary >> $1", "given twice"],
    ["removes the file", "rm $1", "the editor left no file"],
  ])("changes nothing where the editor %s", async (_, script, message) => {
    const before = await bundle();
    const { status, stderr } = await edit(script);
    expect(status).toBeGreaterThan(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("c4nary");
    expect(await bundle()).toBe(before);
  });

  it("opens the editor again on what was typed, until it can be kept", async () => {
    const script =
      'if grep -q BAD "$1"; then sed -i "/BAD/d" "$1"; else echo "BAD=$(printf c4nary-raw)\\nBAD=x" >> "$1"; echo GOOD=good-value >> "$1"; fi';
    const { status, stderr } = await edit(script, { answers: ["", "y"] });
    expect(status).toBe(0);
    expect(stderr).toContain("open the editor again? [Y/n]");
    expect(stderr).toContain("added GOOD");
    expect(stderr).not.toContain("c4nary");
    expect(await decrypted()).toContain("GOOD=good-value\n");
  });

  it("keeps nothing where the answer is no", async () => {
    const before = await bundle();
    const { status } = await edit("echo BOT1_API_KEY=twice-value >> $1", { answers: ["n"] });
    expect(status).toBe(3);
    expect(await bundle()).toBe(before);
  });

  it("takes an editor with arguments, and says where there is none", async () => {
    const other = { PATH: process.env["PATH"] ?? "", VISUAL: `sed -i -e s/c4nary/other/` };
    expect((await edit("exit 9", { env: other })).status).toBe(0);
    const missing = await edit("exit 9", { env: { ...other, VISUAL: "no-such-editor --wait" } });
    expect(missing.status).toBe(2);
    expect(missing.stderr).toContain("set EDITOR to one that is installed");
  });

  it("uses no directory that is not in memory", async () => {
    const seen = join(shop.dir, "seen");
    await edit(`dirname "$1" > ${seen}`, { env: { XDG_RUNTIME_DIR: shop.dir } });
    expect(await readFile(seen, "utf8")).toMatch(/^\/dev\/shm\/sidecrypt-\w+\n$/);
    expect((await readdir("/dev/shm")).filter((name) => existsSync(`/dev/shm/${name}/prod.enc.env`))).toEqual([]);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "ends the editor and removes the plaintext at %s",
    { timeout: 20_000 },
    async (signal) => {
      const before = await bundle();
      const started = join(shop.dir, "started");
      // Ctrl-C reaches the editor as well; one that ends by it ends the edit.
      const script = `trap 'exit 130' INT TERM; echo X=typed-value >> "$1"; echo $$ > ${started}.part; mv ${started}.part ${started}; while :; do sleep 0.05; done`;
      const env = {
        ...shop.env,
        PATH: process.env["PATH"] ?? "",
        XDG_RUNTIME_DIR: memory,
        EDITOR: await editor(script),
      };
      const child = spawn(process.execPath, ["--import", "tsx", "src/main.ts", "edit"], {
        env,
        detached: true,
        stdio: "ignore",
      });
      const ended = new Promise<number | string | null>((done) => {
        child.once("close", (code, by) => {
          done(code ?? by);
        });
      });
      while (!existsSync(started)) await new Promise((done) => setTimeout(done, 20));
      expect(await readdir(memory)).toHaveLength(1);
      if (signal === "SIGINT") process.kill(-(child.pid ?? 0), signal);
      else child.kill(signal);
      expect(await ended).not.toBe(0);
      expect(await readdir(memory)).toEqual([]);
      expect(await bundle()).toBe(before);
      const editorsId = Number(await readFile(started, "utf8"));
      while (isRunning(editorsId)) await new Promise((done) => setTimeout(done, 20));
    },
  );

  it("takes an editor with a variable before it", async () => {
    const seen = join(shop.dir, "seen");
    await edit(`echo "$WORD" > ${seen}`, { env: { EDITOR: `WORD=heard ${join(shop.dir, "editor.sh")}` } });
    expect(await readFile(seen, "utf8")).toBe("heard\n");
  });

  describe("with vim behind it", () => {
    let bin: string;
    let seen: string;
    beforeEach(async () => {
      bin = join(shop.dir, "my bin");
      seen = join(shop.dir, "seen");
      await mkdir(bin);
      for (const name of ["vim.basic", "nvi"]) {
        await writeFile(join(bin, name), `#!/bin/sh\nprintf '%s\\n' "$@" > ${seen}\n`, { mode: 0o755 });
      }
      await symlink("vim.basic", join(bin, "alternative"));
      for (const name of ["vi", "vim", "view", "vimdiff", "editor"]) await symlink("alternative", join(bin, name));
      await symlink("nvi", join(bin, "ex"));
    });

    const argumentsOf = async (command: string): Promise<string[]> => {
      const PATH = `${bin}:${process.env["PATH"] ?? ""}`;
      expect((await edit("exit 9", { env: { PATH, EDITOR: command } })).status).toBe(0);
      return (await readFile(seen, "utf8")).trim().split("\n").slice(0, -1);
    };
    const SETTINGS = "set viminfo= nobackup nowritebackup noundofile";
    const KEEPS_NOTHING = ["-n", "-i", "NONE", "--cmd", `autocmd BufWritePre * ${SETTINGS}`, "-c", SETTINGS];

    it.each([
      ["the fallback", () => "", []],
      ["an argument", () => "vim -f", ["-f"]],
      ["a variable", () => "TERM=xterm view", []],
      ["vimdiff", () => "vimdiff", []],
      ["a link of another name", () => "editor +2", ["+2"]],
      ["a path in quotes", () => `"${bin}/vim.basic" -f`, ["-f"]],
      ["a path with a backslash", () => `${bin.replace(" ", "\\ ")}/vi`, []],
    ])("tells it to keep nothing of the text on a disk: %s", async (_, command, own) => {
      expect(await argumentsOf(command())).toEqual([...own, ...KEEPS_NOTHING]);
    });

    it.each(["nvi", "ex -s"])("gives another editor no options of vim: %s", async (command) => {
      expect(await argumentsOf(command)).toEqual(command.split(" ").slice(1));
    });
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
