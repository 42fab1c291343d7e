/**
 * docs/SECOND-OPINION.md against what really happens to honest files: to us, to the real sops, to sops-age.
 * `SIDECRYPT_WRITE=1` prints the table that ought to stand there.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { decryptSops, sshKeyToAge } from "sops-age";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { open, readIdentities } from "../../src/bundle/index.ts";
import { HONEST, type Honest, type Kind, type Owner } from "./honest.ts";
import { rowsOf } from "./page.ts";
import { findSops, Sops } from "./sops.ts";
import { asBundle, newKeys, STRICT } from "./support.ts";

const binary = findSops();
const directory = mkdtempSync(join(tmpdir(), "sidecrypt-opinions-"));
const ROWS = rowsOf("SECOND-OPINION.md", "feature");

type Values = ReadonlyMap<string, Buffer>;

/** A private key and its recipients, and the sops that has it and no other. */
interface Holder {
  readonly recipients: readonly string[];
  readonly age: string;
  readonly ssh: string | null;
  readonly sops: Sops;
}

const holders = new Map<Owner, Holder>();
const holderOf = ({ owner = "x25519" }: Honest): Holder => holders.get(owner)!;

function ageHolder(identity: string, recipients: readonly string[]): Holder {
  return { recipients, age: identity, ssh: null, sops: new Sops(binary ?? "", `${identity}\n`) };
}

function sshHolder(type: string, ...size: readonly string[]): Holder {
  const file = join(directory, type);
  execFileSync("ssh-keygen", ["-q", "-t", type, ...size, "-N", "", "-C", "", "-f", file]);
  const ssh = readFileSync(file, "utf8");
  const recipients = [readFileSync(`${file}.pub`, "utf8").trim()];
  return { recipients, age: "", ssh, sops: new Sops(binary ?? "", "", { SOPS_AGE_SSH_PRIVATE_KEY_FILE: file }) };
}

beforeAll(async () => {
  const [one, two] = [await newKeys(), await newKeys()];
  const hybrid = await generateHybridIdentity();
  holders.set("x25519", ageHolder(one.identity, [one.recipient, two.recipient]));
  holders.set("both", ageHolder(`${one.identity}\n${two.identity}`, [one.recipient, two.recipient]));
  holders.set("everybody", ageHolder(two.identity, [one.recipient, two.recipient]));
  holders.set("post-quantum", ageHolder(hybrid, [await identityToRecipient(hybrid)]));
  holders.set("ssh-ed25519", sshHolder("ed25519"));
  holders.set("ssh-rsa", sshHolder("rsa", "-b", "2048"));
});
afterAll(() => {
  for (const { sops } of holders.values()) sops.close();
  rmSync(directory, { recursive: true });
});

async function made(honest: Honest): Promise<Buffer> {
  const { kind, plain, flags = [], owner, rule } = honest;
  const { recipients, sops } = holderOf(honest);
  const types = ["--input-type", kind, "--output-type", kind];
  if (rule === undefined) {
    const names = owner === undefined ? recipients.slice(0, 1) : recipients;
    return sops.encrypt(plain, names, ...types, ...flags);
  }
  const [one = "", two = ""] = recipients;
  sops.writeConfig(`creation_rules:\n  - ${rule.replace("$ONE", one).replace("$TWO", two)}\n`);
  const { stdout } = await sops.on(plain, "encrypt", ...types, "FILE");
  sops.writeConfig("{}\n");
  return stdout;
}

/** Names and texts of a tree, as {@link Honest} has them. */
function flat(value: unknown, path: readonly string[] = []): [string, Buffer][] {
  if (Array.isArray(value)) return value.flatMap((item, index) => flat(item, [...path, String(index)]));
  if (value instanceof Date) return [[path.join("_"), Buffer.from(value.toISOString())]];
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, item]) => flat(item, [...path, key]));
  }
  return [[path.join("_"), Buffer.from(String(value))]];
}

/** A whole file inside a binary one is compared as what it holds. */
function lines(text: Buffer, isBinary: boolean): [string, Buffer][] {
  const entries = [...text.toString("latin1").matchAll(/^(\w+)=([^\n]*)/gm)];
  if (isBinary && entries.length === 0) return [["data", text]];
  return entries.map(([, name = "", value = ""]) => [name, Buffer.from(value.replaceAll("\\n", "\n"), "latin1")]);
}

function printed(kind: Kind, text: Buffer): [string, Buffer][] {
  if (kind === "dotenv" || kind === "binary") return lines(text, kind === "binary");
  if (kind === "ini")
    return [...text.toString().matchAll(/^(\w+)\s*= (.*)$/gm)].map(([, k = "", v = ""]) => [`s_${k}`, Buffer.from(v)]);
  return parseAllDocuments(text.toString(), { intAsBigInt: true }).flatMap((one) => flat(one.toJS()));
}

async function bySops(honest: Honest, file: Buffer): Promise<Values> {
  const { kind } = honest;
  const types = ["--input-type", kind, "--output-type", kind];
  return new Map(printed(kind, (await holderOf(honest).sops.on(file, "decrypt", ...types, "FILE")).stdout));
}

async function bySopsAge(honest: Honest, file: Buffer): Promise<Values> {
  const { age, ssh } = holderOf(honest);
  const { kind } = honest;
  // It has no name for the others: a binary file is JSON to it, and an INI file whatever it makes of one.
  const fileType = kind === "dotenv" || kind === "ini" ? "env" : kind === "binary" ? "json" : kind;
  const secretKey = ssh === null ? (age.split("\n")[0] ?? "") : (sshKeyToAge(ssh) ?? "");
  const read = (await decryptSops(file.toString(), { secretKey, fileType })) as Record<string, unknown>;
  const values = flat(read).filter(([name]) => !name.startsWith("sops"));
  const [only] = values;
  return new Map(kind === "binary" && only?.[0] === "data" ? lines(only[1], true) : values);
}

async function bySidecrypt(honest: Honest, file: Buffer): Promise<Values> {
  const { age, ssh } = holderOf(honest);
  const text = (key: string, path: string) => (key === "" ? null : { path, text: key });
  const identities = await readIdentities(text(age, "age"), text(ssh ?? "", "ssh"));
  const { secrets } = await open(asBundle(file), identities, STRICT);
  return new Map([...secrets].map(([name, value]) => [name, Buffer.from(value)]));
}

/** "same", "refused", or what is read instead. */
async function outcome({ values }: Honest, read: () => Promise<Values>): Promise<string> {
  const found = await read().catch(() => null);
  if (found === null) return "refused";
  const differing = Object.entries(values).filter(
    ([name, value]) => !found.get(name)?.equals(Buffer.from(value as string)),
  );
  const more = [...found.keys()].filter((name) => !Object.hasOwn(values, name));
  if (differing.length + more.length === 0) return "same";
  const shown = [...differing.map(([name]) => name), ...more].map((name) => {
    const value = found.get(name);
    return value === undefined ? `no ${name}` : `\`${name}=${JSON.stringify(value.toString()).slice(1, -1)}\``;
  });
  return shown.join(", ").replaceAll("|", "\\|");
}

test("every honest file has its row, and no row is left over", () => {
  expect(ROWS.map(([what, kind]) => `${what}, ${kind}`)).toEqual(HONEST.map(({ what, kind }) => `${what}, ${kind}`));
});

test.runIf(process.env["CI"] === "true")("there is a real sops in CI", () => {
  expect(binary).not.toBeNull();
});

describe.skipIf(binary === null)("with the real sops", () => {
  test.each(HONEST)("$what, $kind", { timeout: 30_000 }, async (honest) => {
    const file = await made(honest);
    const row = [
      await outcome(honest, () => bySops(honest, file)),
      await outcome(honest, () => bySopsAge(honest, file)),
      await outcome(honest, () => bySidecrypt(honest, file)),
    ];
    if (process.env["SIDECRYPT_WRITE"] !== undefined) {
      process.stdout.write(`ROW | ${[honest.what, honest.kind, ...row].join(" | ")} |\n`);
      return;
    }
    const written = ROWS.find(([what, kind]) => what === honest.what && kind === honest.kind);
    expect(row).toEqual(written?.slice(2));
  });
});
