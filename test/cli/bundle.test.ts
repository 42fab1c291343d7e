import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sidecrypt, workshop, type Workshop } from "./harness.ts";

const CANARY = "c4nary-value-1";

describe("sidecrypt check", () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await workshop({ BOT1_API_KEY: CANARY, REDIS_PASSWORD: `${CANARY} # old` });
  });
  afterEach(() => shop.remove());

  it("prints names and warnings, and no value", async () => {
    const { status, stdout, stderr } = await sidecrypt(["check"], { env: shop.env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [head, ...lines] = stdout.split("\n");
    expect(head).toBe(`${shop.bundle}: dotenv, 2 secrets, 1 recipient, MAC verified`);
    expect(lines.slice(0, 2)).toEqual(["BOT1_API_KEY", "REDIS_PASSWORD"]);
    expect(lines.slice(2).join("\n")).toMatch(/^warning: REDIS_PASSWORD: .+\n$/);
    expect(stdout).not.toContain("c4nary");
  });

  it("names the empty values that were allowed, which SOPS does not authenticate", async () => {
    const env = { ...shop.env, SIDECRYPT_ALLOW_EMPTY: "EMPTY QUOTED" };
    const made = join(shop.dir, "made.env");
    const stdin = "A=a-value\nEMPTY=\nQUOTED=''\n";
    await sidecrypt(["encrypt", "-", "-o", made, "--age", shop.recipient], { env, stdin });
    const { stdout } = await sidecrypt(["check", made], { env });
    expect(stdout).toContain("\nnot authenticated, since empty: EMPTY\nA\nEMPTY\nQUOTED\n");
  });

  it("takes a file that is named", async () => {
    const { SOPS_AGE_KEY_FILE } = shop.env;
    const { status, stdout } = await sidecrypt(["check", shop.bundle], {
      env: { SOPS_AGE_KEY_FILE: SOPS_AGE_KEY_FILE! },
    });
    expect(status).toBe(0);
    expect(stdout).toContain(shop.bundle);
  });

  it("fails on a bundle that was tampered with, and names file and cause", async () => {
    const text = await readFile(shop.bundle, "utf8");
    const [first = "", second = ""] = text.split("\n");
    await writeFile(shop.bundle, text.replace(first, second.replace("REDIS_PASSWORD", "BOT1_API_KEY")));
    const { status, stdout, stderr } = await sidecrypt(["check"], { env: shop.env });
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr).toContain(`sidecrypt: error: ${shop.bundle}: BOT1_API_KEY (line 1)`);
    expect(stderr).not.toContain("c4nary");
  });

  it("fails where there is no bundle", async () => {
    await rm(shop.bundle);
    const { status, stderr } = await sidecrypt(["check"], { env: shop.env });
    expect(status).toBe(3);
    expect(stderr).toMatch(/^sidecrypt: error: no bundle in .+\nsidecrypt: hint: .+\n$/);
  });

  it("refuses a bundle in another format by name, not as missing", async () => {
    await writeFile(shop.bundle, 'A = "x"\n\n[sops]\nmac = x\n');
    const { status, stderr } = await sidecrypt(["check"], { env: shop.env });
    expect(status).toBe(3);
    expect(stderr).toContain("INI");
  });
});

const NOBODY = 65534;

/** Root reads everything: as root, become someone else for a moment. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const wasRoot = process.geteuid?.() === 0;
  if (wasRoot) process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    if (wasRoot) process.seteuid?.(0);
  }
}

describe("the key file", () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await workshop({ A: CANARY });
  });
  afterEach(() => shop.remove());

  const checkWith = (path: string) => sidecrypt(["check", shop.bundle], { env: { SOPS_AGE_KEY_FILE: path } });

  it("that does not exist", async () => {
    const path = join(shop.dir, "no.key");
    expect(await checkWith(path)).toEqual({
      status: 3,
      stdout: "",
      stderr: [
        `sidecrypt: error: ${path} does not exist`,
        `sidecrypt: hint: make one with: sidecrypt keygen -o no.key, and mount it: ./no.key:${path}:ro; or name another in SOPS_AGE_KEY_FILE`,
        "",
      ].join("\n"),
    });
  });

  it("that is a directory, as docker makes one", async () => {
    const { status, stderr } = await checkWith(shop.dir);
    expect(status).toBe(3);
    expect(stderr).toContain(`${shop.dir} is a directory: docker makes one where the file of a mount is not there`);
    expect(stderr).toMatch(/hint: on the host: rmdir sidecrypt-cli-\w+, /);
  });

  it("that is something else, of which not a character is repeated", async () => {
    const path = join(shop.dir, "env");
    await writeFile(path, `TOKEN=${CANARY}\n`);
    const { status, stderr } = await checkWith(path);
    expect(status).toBe(3);
    expect(stderr).toContain(path);
    expect(stderr).not.toContain("c4nary");
  });

  it("that is too large", async () => {
    const path = join(shop.dir, "big");
    await writeFile(path, "#".repeat(64 * 1024 + 1));
    expect((await checkWith(path)).stderr).toContain("is larger than 65536 bytes");
  });

  it("that belongs to someone else", async () => {
    const path = join(shop.dir, "age.key");
    await chmod(shop.dir, 0o755);
    await chmod(path, 0o000);
    const { uid } = await stat(path);
    const { status, stderr } = await asNobody(() => checkWith(path));
    const me = uid === 0 ? NOBODY : uid;
    expect(status).toBe(3);
    expect(stderr).toBe(
      [
        `sidecrypt: error: ${path} cannot be read as uid ${me}: its owner is uid ${uid}, its mode 0000`,
        `sidecrypt: hint: on the host: sudo chown ${me} age.key && sudo chmod 0600 age.key`,
        "",
      ].join("\n"),
    );
  });

  it.each([
    ["SOPS_AGE_KEY_CMD", "SOPS_AGE_KEY_FILE"],
    ["SOPS_AGE_SSH_PRIVATE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"],
  ])("that %s would make, which is not run", async (command, instead) => {
    const { status, stdout, stderr } = await sidecrypt(["check"], {
      env: { ...shop.env, [command]: `echo ${CANARY}` },
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(`${command} is set: sidecrypt runs no command for a key\n`);
    expect(stderr).toContain(`name it in ${instead}, and unset ${command}`);
    expect(stderr).not.toContain("c4nary");
  });

  it("that does not open the bundle", async () => {
    const path = join(shop.dir, "other.key");
    await sidecrypt(["keygen", "-o", path]);
    const { status, stderr } = await checkWith(path);
    expect(status).toBe(3);
    expect(stderr).toContain(shop.bundle);
  });
});

describe("sidecrypt keygen", () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await workshop({ A: CANARY });
  });
  afterEach(() => shop.remove());

  const FILE = /^# created: 2026-11-22T12:00:00Z\n# public key: (age1[a-z0-9]{58})\nAGE-SECRET-KEY-1[A-Z0-9]{58}\n$/;

  it("prints an identity on stdout and its public key on stderr", async () => {
    const { status, stdout, stderr } = await sidecrypt(["keygen"]);
    expect(status).toBe(0);
    expect(stderr).toBe(`sidecrypt: public key: ${FILE.exec(stdout)?.[1] ?? "none"}\n`);
  });

  it("writes a file for its owner only", async () => {
    const path = join(shop.dir, "new.key");
    const { status, stdout, stderr } = await sidecrypt(["keygen", "-o", path]);
    const text = await readFile(path, "utf8");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toBe(`sidecrypt: public key: ${FILE.exec(text)?.[1] ?? "none"}\n`);
    expect((await stat(path)).mode & 0o7777).toBe(0o600);
  });

  it("never overwrites a file", async () => {
    const path = join(shop.dir, "age.key");
    const before = await readFile(path, "utf8");
    expect(await sidecrypt(["keygen", "--output", path])).toEqual({
      status: 2,
      stdout: "",
      stderr: `sidecrypt: error: ${path} exists and is not overwritten\nsidecrypt: hint: name another file with -o\n`,
    });
    expect(await readFile(path, "utf8")).toBe(before);
  });

  it("says where it cannot write", async () => {
    const path = join(shop.dir, "no/such/age.key");
    const { status, stderr } = await sidecrypt(["keygen", "-o", path]);
    expect(status).toBe(2);
    expect(stderr).toContain(`the directory of ${path} does not exist`);
  });
});
