/** Who may change the bundles: two of them, signed, for pinned recipients, with no way back. One stack, one story. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBundle, generateIdentity, parseIdentities } from "../../src/bundle/index.ts";
import type { Status } from "../../src/report/status.ts";
import { asSet, readBundle } from "../../src/source/index.ts";
import { keygen, workbench } from "../trust/ssh.ts";
import { bot, sidecarEnvironment, STATE } from "./harness/model.ts";
import { masked, Stack } from "./harness/stack.ts";
import { badKey, randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const bench = workbench();
const KEY = keygen(bench.dir, ["ed25519"]);
const START = Date.now() - 3_600_000;

/** Both files, as git keeps them. */
type Commit = Readonly<Record<string, { readonly bytes: Uint8Array; readonly signature: Uint8Array }>>;

let stack: Stack;
let server: string;
let alice: string;

beforeAll(async () => {
  stack = await Stack.create({
    secrets: {},
    services: {
      bot1: bot("BOT1_API_KEY", { labels: { "sidecrypt.secrets": "BOT1_API_KEY SHARED_TOKEN" } }),
      bot2: bot("BOT2_API_KEY"),
    },
    sidecar: {
      environment: sidecarEnvironment({
        SIDECRYPT_BUNDLE: "common.enc.env, prod.enc.env",
        SIDECRYPT_ALLOWED_SIGNERS: "/state/allowed_signers",
        SIDECRYPT_RECIPIENTS: "${RECIPIENTS}",
        SIDECRYPT_RULE: "unencrypted_suffix=_unencrypted",
        SIDECRYPT_ALLOW_OLDER: "no",
      }),
    },
  });
  const { recipients } = await parseIdentities((await stack.bundle.keys()).join("\n"), "age.key");
  server = recipients[0]!;
  alice = (await generateIdentity()).recipient;
  stack.setEnvironment("RECIPIENTS", `common.enc.env: ${server} ${alice}; prod.enc.env: ${server}`);
  const signers = `alice@example.com namespaces="sidecrypt" ${KEY.publicKey}\n`;
  await mkdir(join(stack.directory, STATE), { recursive: true });
  await writeFile(join(stack.directory, STATE, "allowed_signers"), signers);
  await put("common.enc.env", signed(await sealed([server, alice], 0, { SHARED_TOKEN: SHARED })));
  await put("prod.enc.env", signed(await sealed([server], 0, FIRST)));
  await stack.up();
});

afterAll(async () => {
  bench.remove();
  await stack.down();
});

const SHARED = randomValue();
const FIRST = { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() };

function sealed(recipients: readonly string[], minute: number, secrets: Readonly<Record<string, string>>) {
  const entries = Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)] as const);
  return createBundle(recipients, entries, new Date(START + minute * 60_000));
}

const signed = (bytes: Uint8Array): Commit[string] => ({ bytes, signature: KEY.sign(bytes, "sidecrypt") });

const pathOf = (name: string): string => join(stack.bundle.directory, name);

async function put(name: string, { bytes, signature }: Commit[string]): Promise<void> {
  await replace(name, bytes);
  await replace(`${name}.sig`, signature);
}

async function replace(name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${pathOf(name)}.tmp`, bytes);
  await chmod(`${pathOf(name)}.tmp`, 0o644);
  await rename(`${pathOf(name)}.tmp`, pathOf(name));
}

async function committed(): Promise<Commit[string]> {
  const [bytes, signature] = await Promise.all(["", ".sig"].map((suffix) => readFile(pathOf(`prod.enc.env${suffix}`))));
  return { bytes: bytes!, signature: signature! };
}

/** Until the daemon has judged the files that are there now, and not while one of the two is on its way. */
async function judged(state: Status["bundle"]["state"], code?: string): Promise<Status> {
  const names = ["common.enc.env", "prod.enc.env"];
  const set = asSet(await Promise.all(names.map(async (name) => ({ ...(await readBundle(pathOf(name))), name }))));
  return waitUntil(`the bundles are ${state} ${code ?? ""}`, async () => {
    const status = await stack.tryStatus();
    const { bundle } = status ?? {};
    const isIt = bundle?.digest12 === set.digest.slice(0, 12) && bundle.state === state && bundle.fault?.code === code;
    return isIt && status;
  });
}

async function allCurrent(): Promise<void> {
  await judged("ok");
  await waitUntil("every consumer is current", async () => {
    const status = await stack.tryStatus();
    return status?.consumers.every(({ state }) => state === "current") === true;
  });
}

test("two signed bundles must be delivered as one, and the signer must be shown", async () => {
  await allCurrent();
  expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(FIRST.BOT1_API_KEY);
  expect(await stack.file("bot1", "SHARED_TOKEN")).toBe(SHARED);
  expect(await stack.file("bot2", "BOT2_API_KEY")).toBe(FIRST.BOT2_API_KEY);
  expect((await stack.status()).bundle.signers).toEqual(["alice@example.com", "alice@example.com"]);
  const { code, stdout } = await stack.sidecrypt("check");
  expect(code).toBe(0);
  expect(stdout).toContain("signed by alice@example.com, key SHA256:");
});

test("a bundle forged with the public recipient, unsigned, must change nothing; nor a signed one for one more", async () => {
  const [good, lives] = [await committed(), await stack.lives()];
  const forged = await sealed([server], 5, { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() });

  await replace("prod.enc.env", forged);
  await judged("refused", "bundle-signature");
  await rm(pathOf("prod.enc.env.sig"));
  const status = await judged("refused", "bundle-unsigned");
  expect(status.healthy).toBe(true);
  expect(status.consumers.map(({ state }) => state)).toEqual(["current", "current"]);
  await put("prod.enc.env", signed(await sealed([server, alice], 5, FIRST)));
  expect((await judged("refused", "bundle-policy")).bundle.fault!.message).toContain(`${alice} was added`);

  expect(await stack.lives()).toEqual(lives);
  expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(FIRST.BOT1_API_KEY);
  await put("prod.enc.env", good);
  await allCurrent();
  expect(await stack.lives()).toEqual(lives);
});

test("the revert of a bad key must be taken, and an older bundle after a newer one must not, signed or not", async () => {
  const good = await committed();

  await put("prod.enc.env", signed(await sealed([server], 10, { ...FIRST, BOT1_API_KEY: badKey() })));
  await stack.waitState("bot1", "quarantined");
  await put("prod.enc.env", good);
  await allCurrent();
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(FIRST.BOT1_API_KEY), exchange: "accepted" });

  const second = { BOT1_API_KEY: randomValue(), BOT2_API_KEY: FIRST.BOT2_API_KEY };
  await put("prod.enc.env", signed(await sealed([server], 20, second)));
  await allCurrent();
  const lives = await stack.lives();
  await put("prod.enc.env", good);
  await judged("refused", "bundle-older");
  expect(await stack.lives()).toEqual(lives);
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(second.BOT1_API_KEY), exchange: "accepted" });
});
