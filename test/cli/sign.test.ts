/** Signatures of real keys, judged by the real ssh-keygen. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { parseSigningKey } from "../../src/trust/index.ts";
import { keygen, opensshVerifies, workbench } from "../trust/ssh.ts";
import { NOW, sidecrypt, workshop, type Workshop } from "./harness.ts";

const bench = workbench();
afterAll(bench.remove);
const KEY = keygen(bench.dir, ["ed25519"]);

let shop: Workshop;
beforeEach(async () => {
  shop = await workshop({ BOT1_API_KEY: "c4nary-value-1" });
});
afterEach(() => shop.remove());

const sign = (file: string, env = shop.env) => sidecrypt(["sign", shop.bundle, "--key", file], { env });
const verified = (publicKey: string): boolean =>
  opensshVerifies(bench.dir, {
    signers: `alice ${publicKey}\n`,
    principal: "alice",
    signature: readFileSync(`${shop.bundle}.sig`),
    message: readFileSync(shop.bundle),
    now: NOW,
  });

describe("sidecrypt sign", () => {
  it.each([["ed25519"], ["ecdsa", "256"], ["ecdsa", "384"], ["ecdsa", "521"], ["rsa", "2048"]])(
    "signs with a plain key of the kind %s %s, without ssh-keygen",
    async (...kind) => {
      const key = keygen(bench.dir, kind);
      expect(parseSigningKey(readFileSync(key.file, "latin1"))).not.toBeNull();
      expect((await sign(key.file)).status).toBe(0);
      expect(verified(key.publicKey)).toBe(true);
    },
  );

  it("leaves a key in another format to ssh-keygen", async () => {
    const key = keygen(bench.dir, ["ecdsa", "256", "PEM"]);
    expect(parseSigningKey(readFileSync(key.file, "latin1"))).toBeNull();
    expect((await sign(key.file)).status).toBe(0);
    expect(verified(key.publicKey)).toBe(true);
  });

  it("leaves a key that an agent holds to ssh-keygen: FILE is its public half", async () => {
    const socket = join(bench.dir, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    const before = process.env["SSH_AUTH_SOCK"];
    try {
      await vi.waitUntil(() => existsSync(socket), 5_000);
      process.env["SSH_AUTH_SOCK"] = socket;
      const key = keygen(bench.dir, ["ed25519"]);
      execFileSync("ssh-add", ["-q", key.file], { stdio: "ignore" });
      rmSync(key.file);
      expect((await sign(`${key.file}.pub`)).status).toBe(0);
      expect(verified(key.publicKey)).toBe(true);
    } finally {
      process.env["SSH_AUTH_SOCK"] = before;
      if (before === undefined) delete process.env["SSH_AUTH_SOCK"];
      agent.kill();
    }
  });

  it("replaces the signature in one step, with the mode of the bundle, and leaves nothing else behind", async () => {
    writeFileSync(`${shop.bundle}.sig`, "of the bundle before");
    chmodSync(shop.bundle, 0o640);
    const { status, stdout, stderr } = await sign(KEY.file);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toBe(`sidecrypt: ${shop.bundle}.sig written; commit it together with the bundle\n`);
    expect(statSync(`${shop.bundle}.sig`).mode & 0o777).toBe(0o640);
    expect(readdirSync(shop.dir).toSorted()).toEqual(["age.key", "prod.enc.env", "prod.enc.env.sig"]);
  });

  it("needs no age key", async () => {
    rmSync(join(shop.dir, "age.key"));
    expect((await sign(KEY.file)).status).toBe(0);
  });

  it.each([
    ["plaintext", 3, "is a plain dotenv file", () => "A=plain\n", {}],
    [
      "for recipients that are not pinned",
      3,
      "was added",
      (text: string) => text,
      { SIDECRYPT_RECIPIENTS: "age1other" },
    ],
  ])("signs nothing that is %s", async (_, status, message, change, env) => {
    writeFileSync(shop.bundle, change(readFileSync(shop.bundle, "utf8")));
    const refused = await sign(KEY.file, { ...shop.env, ...env });
    expect(refused.status).toBe(status);
    expect(refused.stderr).toContain(message);
    expect(readdirSync(shop.dir)).not.toContain("prod.enc.env.sig");
  });

  it("says what is wrong with a key", async () => {
    expect((await sign(join(shop.dir, "none"))).stderr).toContain("cannot be read: ENOENT");
    expect((await sidecrypt(["sign", shop.bundle], { env: shop.env })).status).toBe(2);
    const broken = await sign(join(shop.dir, "age.key"));
    expect(broken).toMatchObject({ status: 3, stdout: "" });
    expect(broken.stderr).toContain("ssh-keygen did not sign");
    expect(broken.stderr).not.toContain("AGE-SECRET");
  });
});

test("the signer is shown by check, and a signer who is not allowed signs nothing", async () => {
  const signers = join(bench.dir, "signers");
  const env = { ...shop.env, SIDECRYPT_ALLOWED_SIGNERS: signers };
  writeFileSync(signers, `alice@example.com namespaces="sidecrypt" ${KEY.publicKey}\n`);

  const unsigned = await sidecrypt(["check"], { env });
  expect(unsigned.status).toBe(3);
  expect(unsigned.stderr).toContain(`hint: look at what changed, then sign it: sidecrypt sign ${shop.bundle}`);

  expect((await sidecrypt(["sign", "--key", KEY.file], { env })).stderr).toContain("written, by alice@example.com;");
  const { status, stdout } = await sidecrypt(["check"], { env });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^signed by alice@example\.com, key SHA256:[A-Za-z0-9+/]{43}$/m);

  rmSync(`${shop.bundle}.sig`);
  const refused = await sign(keygen(bench.dir, ["ed25519"]).file, env);
  expect(refused.status).toBe(3);
  expect(refused.stderr).toContain("which is no allowed signer");
  expect(readdirSync(shop.dir)).not.toContain("prod.enc.env.sig");
});
