/**
 * A canary of each kind, an identity, a passphrase, a value and its ciphertext, put through every error that the bundle,
 * its keys and the settings can end in (the others: canary-run.test.ts), with the last filter on output (report/redact.ts) taken out. None of them, in
 * no form, and not its first characters, may be said.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { armor, Encrypter } from "age-encryption";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { generateIdentity, setSecret } from "../src/bundle/index.ts";
import { replaceFile } from "../src/cli/replace.ts";
import type * as Ui from "../src/cli/ui.ts";
import { parseConfig, VARIABLES } from "../src/config.ts";
import { decodeReply } from "../src/control/protocol.ts";
import { writeWhole } from "../src/daemon/state-file.ts";
import { EXIT_STATUS, SidecryptError, type ErrorCode } from "../src/errors.ts";
import { loadIdentities } from "../src/keys.ts";
import { parseRules } from "../src/rules/creation.ts";
import { refuseSingleFile } from "../src/source/index.ts";
import { parseSigners, refuseOlder, requireSigner } from "../src/trust/index.ts";
import { OTHER, requireSilence, VALUE } from "./canaries.ts";
import { sidecrypt, workshop, type Workshop } from "./cli/harness.ts";

/** Every error that was shown at the terminal, as it was thrown. */
const shown: SidecryptError[] = [];

vi.mock("../src/report/redact.ts", async (load) => ({
  ...(await load()),
  createRedactor: () => ({ remember: () => undefined, redact: (text: string) => text }),
}));
vi.mock("../src/cli/ui.ts", async (load) => {
  const real = await load<Pick<typeof Ui, "createUi">>();
  return {
    ...real,
    createUi: (...streams: Parameters<typeof real.createUi>) => {
      const ui = real.createUi(...streams);
      const error = (thrown: SidecryptError): void => {
        shown.push(thrown);
        ui.error(thrown);
      };
      return { ...ui, error };
    },
  };
});

const PASSPHRASE = "Vq4mXz8wKd2r correct";

interface World {
  readonly shop: Workshop;
  /** The bundle's text. */
  readonly bundle: string;
  readonly identity: string;
  /** Runs the command line on the bundle changed so, or on what is there. */
  readonly run: (argv: readonly string[], env?: Record<string, string>, stdin?: string) => Promise<void>;
  readonly write: (name: string, text: string | Uint8Array) => Promise<string>;
  readonly check: (text: string | Uint8Array) => Promise<void>;
}

type Case = (world: World) => unknown;

const beforeMetadata = (text: string, line: string): string => text.replace(/^sops_/m, `${line}\nsops_`);

const CASES: Readonly<Record<string, readonly Case[]>> = {
  usage: [
    ({ run }) => run(["set", "CANARY", VALUE]),
    ({ run }) => run(["set", `CANARY=${VALUE}`]),
    ({ run }) => run(["set", "CANARY", `--value=${VALUE}`]),
    ({ run }) => run(["set", `--${VALUE}`]),
  ],
  "config-invalid": [
    () => parseConfig({ SIDECRYPT_POLL: VALUE, SIDECRYPT_BUDGET: VALUE, SIDECRYPT_DOTENV: VALUE }),
    () => parseConfig({ DOCKER_HOST: `tcp://user:${VALUE}@host`, SIDECRYPT_ALLOW_EMPTY: `A=${VALUE}` }),
    ...VARIABLES.map(
      (name): Case =>
        ({ run, identity }) =>
          run(["check"], { [name]: `${identity}\0` }),
    ),
    ({ run }) => run(["check"], { [`SIDECRYPT_BUNDLE_DRI`]: VALUE }),
  ],
  "key-in-environment": [({ run, identity }) => run(["check"], { SOPS_AGE_KEY: identity })],
  "debug-in-environment": [
    ({ run }) => run(["check"], { DEBUG: VALUE }),
    ({ run }) => run(["check"], { NODE_OPTIONS: `--inspect=${VALUE}` }),
  ],
  "state-unwritable": [({ shop }) => writeWhole(join(shop.bundle, "state.json"), Buffer.from(VALUE), shop.dir)],
  "daemon-unreachable": [
    ({ run }) => run(["status"]),
    () => decodeReply("status", JSON.stringify({ value: VALUE })),
    () => decodeReply("plan", VALUE),
  ],
  "rules-invalid": [
    ({ identity }) => parseRules(`creation_rules:\n  - agee: ${identity}\n`, "/r/.sops.yaml"),
    ({ identity }) => parseRules(`creation_rules:\n  - age: {${identity}: [}\n`, "/r/.sops.yaml"),
    ({ identity }) => parseRules(`creation_rules: "${identity}"\n`, "/r/.sops.yaml"),
  ],
  "not-in-memory": [({ run, shop }) => run(["decrypt", shop.bundle, "--output", "/proc/plain.env"])],
  "editor-failed": [({ run, shop }) => run(["edit", shop.bundle], { EDITOR: "false" })],
  "signers-invalid": [
    ({ identity }) => parseSigners(`a ${identity}\n`, "signers"),
    ({ identity }) => parseSigners(`a namespaces="${identity}\n`, "signers"),
  ],

  "bundle-missing": [({ run, shop }) => run(["check", join(shop.dir, "none.env")])],
  "bundle-ambiguous": [
    async ({ run, write, bundle }) => {
      await write("second.enc.env", bundle);
      await run(["check"]);
    },
  ],
  "bundle-conflict": [
    async ({ run, write, bundle }) => {
      await write("second.enc.env", bundle);
      await run(["check"], { SIDECRYPT_BUNDLE: "prod.enc.env,second.enc.env" });
    },
  ],
  "bundle-unreadable": [({ run, shop }) => run(["check", shop.dir])],
  "bundle-single-file": [
    ({ shop }) => refuseSingleFile(shop.bundle, `36 35 98:0 / ${shop.bundle} rw - ext4 /dev/root rw\n`),
  ],
  "bundle-too-large": [({ check, bundle }) => check(bundle + `#${VALUE}\n`.repeat(50_001))],
  "bundle-format": [({ check }) => check(`[stack]\nCANARY = ${VALUE}\n\n[sops]\nmac = ${VALUE}\nversion = 3.13.1\n`)],
  "bundle-malformed": [
    ({ check, bundle }) => check(beforeMetadata(bundle, VALUE.replace("=", ""))),
    ({ check, bundle }) => check(beforeMetadata(bundle, `CANARY=${VALUE}`)),
    ({ check, bundle }) => check(beforeMetadata(bundle, `${VALUE}=1`)),
    ({ check, bundle }) => check(beforeMetadata(bundle, `X=${VALUE}\0`)),
    ({ check, bundle }) => check(bundle.replaceAll("\n", "\r\n")),
    ({ check, bundle }) => check(bundle.replace(/^sops_lastmodified=.*/m, `sops_lastmodified=${VALUE}`)),
    ({ check, bundle, identity }) => check(`${bundle}sops_age__list_7__map_${identity}=1\n`),
  ],
  "bundle-not-encrypted": [
    ({ check }) => check(`CANARY=${VALUE}\n`),
    ({ check }) => check(VALUE),
    ({ check, identity }) => check(identity),
  ],
  "bundle-forged": [
    ({ check, bundle }) => check(beforeMetadata(bundle, `ADDED=${VALUE}`)),
    ({ check, bundle }) => check(bundle.replace(/^CANARY=/m, "RENAMED=")),
    ({ check, bundle }) => check(bundle.replace("type:str", "type:int")),
    ({ check, bundle }) => check(bundle.replace(/,type:str\]/, `,type:str]${VALUE}`)),
    ({ check, bundle }) => check(bundle.replace(/data:.{4}/, "data:AAAA")),
    ({ check, bundle }) => check(`${bundle}sops_MAC=${VALUE}\n`),
  ],
  "bundle-mac": [
    ({ check, bundle }) => check(bundle.replace(/^CANARY=.*\n/m, "")),
    ({ check, bundle }) => check(bundle.replace(/^sops_mac=.*/m, `sops_mac=${VALUE}`)),
    ({ check, bundle }) => check(bundle.replace(/^sops_mac=.*\n/m, "")),
    ({ check, bundle }) => check(bundle.replace(/^(sops_lastmodified=)./m, "$13")),
  ],
  "bundle-unsigned": [({ bundle }) => requireSigner({ path: "b", bytes: Buffer.from(bundle), signature: null }, [], 0)],
  "bundle-signature": [
    ({ bundle, identity }) =>
      requireSigner({ path: "b", bytes: Buffer.from(bundle), signature: Buffer.from(identity) }, [], 0),
    ({ bundle }) =>
      requireSigner({ path: "b", bytes: Buffer.from(bundle), signature: sign(Buffer.from(VALUE)) }, [], 0),
  ],
  "bundle-signer": [
    ({ bundle }) => {
      const bytes = Buffer.from(bundle);
      requireSigner({ path: "b", bytes, signature: sign(bytes) }, [], 0);
    },
  ],
  "bundle-policy": [
    async ({ run }) => run(["check"], { SIDECRYPT_RECIPIENTS: (await generateIdentity()).recipient }),
    ({ run }) => run(["check"], { SIDECRYPT_RULE: "encrypted_regex=^A" }),
  ],
  "bundle-older": [
    () => {
      refuseOlder(
        "b",
        { digest: "aa", lastModified: "2020-01-01T00:00:00Z" },
        [{ digest: "bb", lastModified: "2021-01-01T00:00:00Z" }],
        new Set(),
      );
    },
  ],
  "bundle-empty-value": [({ check, bundle }) => check(beforeMetadata(bundle, "EMPTY="))],
  "bundle-unsupported": [
    ({ check, bundle }) => check(bundle.replace(/^sops_unencrypted_suffix=/m, `sops_encrypted_regex=${VALUE}(`)),
    ({ check, bundle }) => check(`${bundle}sops_mac_only_encrypted=true\n`),
    ({ check, bundle }) => check(`${bundle}sops_shamir_threshold=${VALUE}\n`),
  ],
  "bundle-changed": [({ shop }) => replaceFile(shop.bundle, "another", Buffer.from(VALUE))],
  "bundle-unwritable": [() => replaceFile("/proc/version", "", Buffer.from(VALUE))],
  "key-unreadable": [
    ({ run }) => run(["check"], { SOPS_AGE_KEY_FILE: "/nowhere/age.key" }),
    async ({ run, write, identity }) =>
      run(["check"], { SOPS_AGE_KEY_FILE: await write("locked", await locked(identity)) }),
    async ({ run, write, identity }) =>
      run(["check"], {
        SOPS_AGE_KEY_FILE: await write("locked", armor.encode(await locked(identity))),
        SIDECRYPT_PASSPHRASE_FILE: await write("wrong", `${PASSPHRASE}s\n`),
      }),
    async ({ run, write, identity }) =>
      run(["check"], { SOPS_AGE_KEY_FILE: await write("large", `${identity}\n`.repeat(1_000)) }),
  ],
  "key-malformed": [
    ...[
      (identity: string) => identity.toLowerCase(),
      (identity: string) => ` ${identity}`,
      (identity: string) => identity.slice(0, -1),
      (identity: string) => identity.slice(0, -1) + (identity.endsWith("Q") ? "P" : "Q"),
      (identity: string) => identity + identity,
      (identity: string) => `SOPS_AGE_KEY=${identity}`,
      () => VALUE,
      () => `-----BEGIN PRIVATE KEY-----\n${VALUE}\n`,
      () => "",
    ].map(
      (spoilt): Case =>
        async ({ run, write, identity }) =>
          run(["check"], { SOPS_AGE_KEY_FILE: await write("spoilt", spoilt(identity)) }),
    ),
    async ({ run, write, identity }) =>
      run(["check"], { SOPS_AGE_SSH_PRIVATE_KEY_FILE: await write("no-ssh", identity) }),
    async ({ run, write }) => {
      const id = await write("ssh", sshKey(VALUE.slice(0, 8)));
      await run(["check"], { SOPS_AGE_SSH_PRIVATE_KEY_FILE: id });
    },
    async ({ run, write, identity }) =>
      run(["check"], {
        SOPS_AGE_KEY_FILE: await write("locked", await locked(VALUE + identity)),
        SIDECRYPT_PASSPHRASE_FILE: await write("right", PASSPHRASE),
      }),
  ],
  "key-no-match": [
    async ({ run, write }) =>
      run(["check"], { SOPS_AGE_KEY_FILE: await write("stranger", (await generateIdentity()).identity) }),
    async ({ run, write, bundle, identity }) => {
      const labelled = bundle.replace(/^(sops_age__list_0__map_recipient=).*/m, `$1${identity}`);
      const key = await write("stranger", (await generateIdentity()).identity);
      await run(["check", await write("labelled.enc.env", labelled)], { SOPS_AGE_KEY_FILE: key });
    },
  ],
  "value-unstorable": [
    ({ run }) => run(["set", "CANARY"], {}, `${VALUE}\\n`),
    ({ run }) => run(["set", "CANARY"], {}, `"${VALUE.replaceAll('"', "")}"`),
    ({ run }) => run(["set", "CANARY"], {}, `${VALUE}\0`),
    async ({ shop, bundle, write }) => {
      const identities = await loadIdentities(parseConfig(shop.env));
      const hostile = bundle.replace(/^sops_unencrypted_suffix=.*/m, "sops_encrypted_regex=^(CANARY|OTHER)$$");
      await write("hostile.enc.env", hostile);
      await setSecret(Buffer.from(hostile), identities, "NEW", Buffer.from(VALUE), new Date(0), {
        allowEmpty: new Set(),
      });
    },
  ],
};

async function locked(text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(PASSPHRASE);
  encrypter.setScryptWorkFactor(4);
  return encrypter.encrypt(text);
}

function sign(bytes: Buffer): Buffer {
  const file = join(world.shop.dir, "signed");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${file}.key`]);
  writeFileSync(file, bytes);
  execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-n", "sidecrypt", "-f", `${file}.key`, file]);
  return readFileSync(`${file}.sig`);
}

/** Under a passphrase. */
function sshKey(passphrase: string): string {
  const file = join(world.shop.dir, "id");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", file]);
  return execFileSync("cat", [file], { encoding: "utf8" });
}

let world: World;
let canaries: readonly string[];
let said: string[];

beforeEach(async () => {
  const shop = await workshop({ CANARY: VALUE, OTHER });
  const [bundle, key] = [
    await readFile(shop.bundle, "utf8"),
    await readFile(shop.env["SOPS_AGE_KEY_FILE"] ?? "", "utf8"),
  ];
  const identity = key.trim();
  said = [];
  shown.length = 0;
  const run: World["run"] = async (argv, env = {}, stdin = "") => {
    const { status, stdout, stderr } = await sidecrypt(argv, { env: { ...shop.env, ...env }, stdin });
    said.push(stdout, stderr);
    expect(status).not.toBe(0);
    const last = shown.at(-1);
    if (last !== undefined) throw last;
  };
  const write: World["write"] = async (name, text) => {
    await writeFile(join(shop.dir, name), text, { mode: 0o600 });
    return join(shop.dir, name);
  };
  const check: World["check"] = async (text) => {
    await write("changed.enc.env", text);
    await run(["check", join(shop.dir, "changed.enc.env")]);
  };
  world = { shop, bundle, identity, run, write, check };
  const data = (name: string): string =>
    new RegExp(`^${name}=ENC\\[AES256_GCM,data:([^,]+)`, "m").exec(bundle)?.[1] ?? "";
  canaries = [VALUE, PASSPHRASE, OTHER, identity.slice("AGE-SECRET-KEY-1".length), data("CANARY"), data("sops_mac")];
});
afterEach(() => world.shop.remove());

const covered = (code: ErrorCode): boolean => EXIT_STATUS[code] === 2 || EXIT_STATUS[code] === 3;
/** Needs a running project on an engine; thrown before a bundle, a key or a value is read (cli/canary.ts). */
const BEFORE_ANYTHING: readonly ErrorCode[] = ["canary-refused"];
const codes = (Object.keys(EXIT_STATUS) as ErrorCode[]).filter(
  (code) => covered(code) && !BEFORE_ANYTHING.includes(code),
);

test("every code of exit status 2 and 3 has a case", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(codes.toSorted());
});

describe.each(Object.keys(CASES))("%s", (code) => {
  test.each((CASES[code] ?? []).map((one, index) => [index + 1, one] as const))("case %i", async (_, one) => {
    const thrown: unknown = await Promise.resolve()
      .then(() => one(world))
      .catch((error: unknown) => error);
    if (!(thrown instanceof SidecryptError)) return expect.fail(`should be an error of ours: ${String(thrown)}`);
    expect(thrown.code).toBe(code);
    const everything = [
      ...said,
      thrown.message,
      thrown.hint,
      thrown.stack,
      String(thrown.cause),
      JSON.stringify(thrown),
    ];
    const text = everything.join("\n");
    requireSilence(text, canaries);
  });
});
