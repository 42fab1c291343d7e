/** The script for images that read only the environment, under every POSIX shell that is here. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, lstatSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deliver, equip, readDrop, type Drop } from "../../src/deliver/index.ts";
import { NEW, OLD, generation, mountedDrop, shmDrop } from "./drops.ts";

/** dash and bash are on every Debian; busybox where it is installed, or where BUSYBOX says. */
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox", process.env["BUSYBOX"] ?? ""].find((path) => isThere(path));
const SHELLS: readonly (readonly [string, ...string[]])[] = [
  ["dash"],
  ["bash"],
  ["bash", "--posix"],
  ...(BUSYBOX === undefined ? [] : [[BUSYBOX, "sh"] as [string, string]]),
];

function isThere(path: string): boolean {
  return path !== "" && spawnSync(path, ["true"]).status === 0;
}

const ENVIRONMENT = { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8" };

/** Prints its own environment and arguments, every byte of them, as its kernel shows them. */
const PRINT = ["sh", "-c", "cat /proc/$$/environ; printf '\\0--\\0'; cat /proc/$$/cmdline; :", "print", "a b", "$HOME"];

async function dropWith(files: Record<string, string | Uint8Array>): Promise<Drop> {
  const drop = shmDrop();
  await equip(drop);
  await deliver(drop, generation(OLD, files), []);
  return drop;
}

function start([shell, ...options]: readonly [string, ...string[]], drop: Drop, ...argv: readonly string[]) {
  const ran = spawnSync(shell, [...options, join(drop.path, "with-secrets"), ...argv], { env: ENVIRONMENT });
  const [environment = "", command = ""] = ran.stdout.toString("latin1").split("\0--\0");
  const pairs = environment.split("\0").map((entry): [string, string] => {
    const at = entry.indexOf("=");
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  return { status: ran.status, said: ran.stderr.toString(), environment: new Map(pairs), command: command.split("\0") };
}

const latin1 = (text: string): string => Buffer.from(text).toString("latin1");

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("under %s", { timeout: 20_000 }, (_, shell) => {
  test("every byte of a value arrives, in no argument of any process", async () => {
    const byte = fc.integer({ min: 1, max: 255 });
    const value = fc.oneof(
      fc.uint8Array({ min: 1, maxLength: 40 }).map((bytes) => bytes.filter((one) => one !== 0)),
      fc
        .array(fc.constantFrom("\n", "'", '"', "\\", "$", "`", "x", " ", "\t", "\r", "%", "*", "é", "😀"))
        .map((all) => Buffer.from(all.join(""))),
      byte.map((one) => Uint8Array.of(120, one)),
    );
    const names = ["API_KEY", "value", "name", "_x", "A1", "a", "file", "IFS2"];
    const sets = fc.array(value, { minLength: names.length, maxLength: names.length });
    await fc.assert(
      fc.asyncProperty(sets, async (values) => {
        const drop = await dropWith(Object.fromEntries(names.map((name, index) => [name, values[index]!])));
        const { status, said, environment, command } = start(shell, drop, ...PRINT);
        expect([status, said]).toEqual([0, ""]);
        const wanted = values.map((bytes) => Buffer.from(bytes).toString("latin1"));
        expect(names.map((name) => environment.get(name))).toEqual(wanted);
        expect(command.slice(-4, -1)).toEqual(["print", "a b", "$HOME"]);
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  test("nothing else comes into the environment", async () => {
    const drop = await dropWith({ API_KEY: "1", "secrets.json": "{}", "with-dash": "2", "9LIVES": "3" });
    const { environment } = start(shell, drop, "env", "-0");
    const added = [...environment.keys()].filter((name) => !Object.hasOwn(ENVIRONMENT, name));
    // A shell's own.
    expect(added.filter((name) => !["", "_", "PWD", "OLDPWD", "SHLVL"].includes(name))).toEqual(["API_KEY"]);
  });

  test("the exit status and signals are the command's", async () => {
    const drop = await dropWith({ API_KEY: "1" });
    expect(start(shell, drop, "sh", "-c", "exit 23").status).toBe(23);
    expect(start(shell, drop, "no-such-command").status).toBe(127);
    const [program, ...options] = shell;
    const script = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done";
    const child = spawn(program, [...options, join(drop.path, "with-secrets"), "sh", "-c", script], {
      env: ENVIRONMENT,
    });
    child.stdout.once("data", () => child.kill("SIGTERM"));
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(42);
  });

  test("refuses to start without what it is to export", async () => {
    const empty = shmDrop();
    await equip(empty);
    const refused = (drop: Drop, ...argv: string[]) => {
      const { status, said, environment } = start(shell, drop, ...argv);
      expect([status, [...environment]]).toEqual([1, [["", ""]]]);
      return said;
    };
    expect(refused(empty, "env")).toMatch(/^with-secrets: .* holds no secrets/);
    expect(refused(await dropWith({}), "env")).toContain("holds no file that a variable can be named after");
    expect(refused(await dropWith({ "secrets.json": "{}" }), "env")).toContain("sidecrypt.format");
    const drop = await dropWith({ API_KEY: "1", API_SECRET: "2" });
    expect(refused(drop)).toContain("no command to run");
    expect(refused(drop, "--require")).toContain("no names behind --require");
    expect(refused(drop, "--require", "API_KEY,OTHER", "env")).toContain("OTHER is required, and it is not there");
    expect(start(shell, drop, "--require", "API_KEY,API_SECRET", "true").status).toBe(0);
    expect(refused(await dropWith({ API_KEY: "a\0hunter2" }), "env")).toMatch(
      /^with-secrets: API_KEY holds a NUL byte/m,
    );
  });

  test("a value that may not be read stops it", async () => {
    const drop = await dropWith({ API_KEY: "1" });
    chmodSync(drop.path, 0o755);
    chmodSync(join(drop.path, `..gen-${OLD}`), 0o755);
    chmodSync(join(drop.path, "with-secrets"), 0o444);
    const user = ["--reuid=999", "--regid=999", "--clear-groups", ...shell];
    const ran = spawnSync("setpriv", [...user, join(drop.path, "with-secrets"), "echo", "started"], {
      env: ENVIRONMENT,
    });
    expect([ran.status, ran.stdout.toString()]).toEqual([1, ""]);
    expect(ran.stderr.toString()).toContain("with-secrets: cannot read API_KEY");
  });

  test("reads one generation, whatever is delivered meanwhile", async () => {
    const drop = await dropWith({ A: "old", B: "old" });
    await deliver(drop, generation(NEW, { A: "new", B: "new" }), []);
    const { environment } = start(shell, drop, ...PRINT);
    expect([environment.get("A"), environment.get("B")]).toEqual(["new", "new"]);
  });
});

test("runs from a mount that executes nothing", async () => {
  const drop = mountedDrop("size=1m,mode=2755,gid=1000,noexec,nosuid,nodev");
  await equip(drop);
  await deliver(drop, generation(OLD, { API_KEY: "hunter2" }), []);
  expect(() => execFileSync(join(drop.path, "with-secrets"), ["true"], { stdio: "ignore" })).toThrow();
  expect(start(["sh"], drop, ...PRINT).environment.get("API_KEY")).toBe(latin1("hunter2"));
});

describe("equip", () => {
  test("puts the script there with the modes of secrets, and never again", async () => {
    const drop = mountedDrop("size=1m,mode=2750,gid=1000");
    await equip(drop);
    const path = join(drop.path, "with-secrets");
    const { mode, gid, ino } = lstatSync(path);
    expect([(mode & 0o777).toString(8), gid]).toEqual(["440", 1000]);
    await equip(drop);
    expect(lstatSync(path).ino).toBe(ino);
  });

  test("is in no generation: a drop that an older version filled keeps its id, and every delivery keeps the script", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { API_KEY: "1" }), []);
    const before = await readDrop(drop.path, drop.volume);
    await equip(drop);
    expect(await readDrop(drop.path, drop.volume)).toEqual(before);
    await deliver(drop, generation(NEW, { API_KEY: "2" }), []);
    expect(readdirSync(drop.path)).toContain("with-secrets");
    expect([...(await readDrop(drop.path, drop.volume)).current!.files.keys()]).toEqual(["API_KEY"]);
  });

  test("mends a script that is another one", async () => {
    const drop = await dropWith({ API_KEY: "1" });
    const path = join(drop.path, "with-secrets");
    const text = readFileSync(path, "utf8");
    chmodSync(path, 0o600);
    writeFileSync(path, "#!/bin/sh\n");
    await equip(drop);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("leaves a secret of that name in its place", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { "with-secrets": "mine" }), []);
    await equip(drop);
    expect(readFileSync(join(drop.path, "with-secrets"), "utf8")).toBe("mine");
  });
});
