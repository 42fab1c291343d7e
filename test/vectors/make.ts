/**
 * Makes the vectors anew: `npx tsx test/vectors/make.ts`, with a real sops (SIDECRYPT_SOPS, PATH or the cache). Every
 * file here comes from sops itself; a forged one is such a file, edited as the table says. What sops reads back is
 * recorded from `sops decrypt`; what we must deliver is written here by hand. The keys open nothing but these files.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { generateHybridIdentity, generateIdentity, identityToRecipient } from "age-encryption";
import type { ErrorCode } from "../../src/errors.ts";
import { findSops, Sops } from "../bundle/sops.ts";

const HERE = new URL(".", import.meta.url);
const KEYS = new URL("not-a-secret.test-keys.txt", HERE);

export interface Expected {
  readonly about: string;
  readonly expect: "success" | ErrorCode;
  /** SIDECRYPT_ALLOW_EMPTY. */
  readonly allowEmpty?: readonly string[];
  /** What `sops decrypt` prints, line feeds unescaped; base64. */
  readonly sops?: Readonly<Record<string, string>>;
  /** Where raw delivery is not what sops prints; base64. */
  readonly raw?: Readonly<Record<string, string>>;
  /** What a bot gets by default; base64. */
  readonly deliver?: Readonly<Record<string, string>>;
  /** Subjects of the warnings, once each. */
  readonly warnings?: readonly string[];
}

if (!existsSync(KEYS)) {
  const keys = [await generateIdentity(), await generateHybridIdentity()];
  writeFileSync(KEYS, `# TEST KEYS, PUBLIC ON PURPOSE: they open the vectors of this directory and nothing else\n${keys.join("\n")}\n`);
}
const keyFile = readFileSync(KEYS, "utf8");
const [classic = "", hybrid = ""] = await Promise.all(
  keyFile.split("\n").filter((line) => line.startsWith("AGE-")).map((key) => identityToRecipient(key)),
);
const stranger = await identityToRecipient(await generateIdentity());
const binary = findSops();
if (binary === null) throw new Error("no sops");
const sops = new Sops(binary, keyFile);

const simple = "# a comment\nUSER=alice\nPASSWORD=correct horse\nPIN=5432\n";
const simpleRead = { USER: "alice", PASSWORD: "correct horse", PIN: "5432" };
const base = await sops.encrypt(simple, [classic]);

await honest("simple", "two lines and a comment", base, simpleRead);
await honest("several-recipients", "the second of three recipients is ours", await sops.encrypt(simple, [stranger, classic, stranger]), simpleRead);
await honest("post-quantum", "for a post-quantum recipient", await sops.encrypt(simple, [hybrid]), simpleRead);
await honest("eleven-recipients", "list indices of two digits", await sops.encrypt(simple, [...Array<string>(10).fill(stranger), classic]), simpleRead);
await honest("set", "after `sops set`", await sops.set(base, "PASSWORD", "changed"), { ...simpleRead, PASSWORD: "changed" });
await honest("rotated", "after `sops rotate`", (await sops.on(base, "rotate", "-i", "FILE")).file, simpleRead);
await honest(
  "quotes",
  "quotes as Compose's env_file takes them",
  await sops.encrypt(`D="a \\"b\\" \\$c\\n\\\\d"\nS='a $b\\t'\nE=""\nI=it's\nH="a # b"\nOPEN="abc\n`, [classic]),
  { D: 'a "b" $c\n\\d', S: "a $b\\t", E: "", I: "it's", H: "a # b", OPEN: '"abc' },
  { warnings: ["OPEN"] },
);
await honest(
  "unlike-compose",
  "what Compose would have read otherwise, and we do not",
  await sops.encrypt("C=a #b\nD=a$b\nN=a\\nb\nB= a \nR=a\r\n", [classic]),
  { C: "a #b", D: "a$b", N: "a\nb", B: " a ", R: "a\r" },
  { warnings: ["C", "D", "N", "B", "R"] },
);
await honest("pem", "a multi-line value", await sops.encrypt("KEY=-----BEGIN X-----\\nMIIB/+==\\n-----END X-----\\n\n", [classic]), {
  KEY: "-----BEGIN X-----\nMIIB/+==\n-----END X-----\n",
}, { warnings: ["KEY"] });
await honest("unicode", "not only ASCII", await sops.encrypt("A=pässwörd 🔑 à\n", [classic]), { A: "pässwörd 🔑 à" });
await honest("not-text", "bytes that are no UTF-8", await sops.encrypt(Buffer.from("A=\xff\xfe\x80\n", "latin1"), [classic]), {
  A: Buffer.from("\xff\xfe\x80", "latin1"),
});
await honest("unencrypted-suffix", "a value that the default rule leaves in plaintext", await sops.encrypt("A=x\nPORT_unencrypted=8080\n", [classic]), {
  A: "x",
  PORT_unencrypted: "8080",
}, { warnings: ["PORT_unencrypted"] });
await honest("encrypted-regex", "a rule on names", await sops.encrypt("A_KEY=x\nPORT=8080\n", [classic], "--encrypted-regex", "_(KEY|TOKEN)$"), {
  A_KEY: "x",
  PORT: "8080",
}, { warnings: ["PORT"] });
await honest("encrypted-suffix", "a rule on suffixes", await sops.encrypt("A_KEY=x\nPORT=8080\n", [classic], "--encrypted-suffix", "_KEY"), {
  A_KEY: "x",
  PORT: "8080",
}, { warnings: ["PORT"] });
await honest("empty-allowed", "an empty value that may be", await sops.encrypt("A=x\nE=\n", [classic]), { A: "x", E: "" }, { allowEmpty: ["E"] });
const typed = await sops.set(await sops.set(await sops.set(base, "N", 1234567), "T", true), "F", -0.5);
await honest("typed", "numbers and booleans of `sops set`: delivered as the MAC covers them", typed,
  { ...simpleRead, N: "1234567", T: "True", F: "-0.5" },
  { warnings: ["N", "T", "F"], raw: { N: "1234567", T: "True" } },
);

sops.writeConfig(`creation_rules:
  - shamir_threshold: 2
    key_groups:
      - age: [${classic}]
      - age: [${hybrid}]
`);
refused("key-groups", "bundle-unsupported", "Shamir key groups", (await sops.on(simple, "encrypt", "FILE")).stdout);
sops.writeConfig("{}\n");
sops.writeConfig(`creation_rules:\n  - age: ${classic}\n    mac_only_encrypted: true\n`);
refused("mac-only-encrypted", "bundle-unsupported", "plaintext lines are not in the MAC", (await sops.on(simple, "encrypt", "FILE")).stdout);
sops.writeConfig(`creation_rules:\n  - age: ${classic}\n    encrypted_comment_regex: secret\n`);
refused("comment-rule", "bundle-unsupported", "comments decide what is encrypted", (await sops.on(simple, "encrypt", "FILE")).stdout);
sops.writeConfig(`creation_rules:\n  - age: ${classic}\n    encrypted_regex: '\\pL+'\n`);
refused("regex-beyond", "bundle-unsupported", "a pattern beyond the subset", (await sops.on(simple, "encrypt", "FILE")).stdout);
sops.writeConfig("{}\n");
refused("stranger", "key-no-match", "for somebody else", await sops.encrypt(simple, [stranger]));
refused("duplicate", "bundle-malformed", "sops keeps both", await sops.encrypt("A=x\nA=y\n", [classic]));
refused("bad-name", "bundle-malformed", "an untrimmed name", await sops.encrypt("A =x\n", [classic]));
refused("loader", "bundle-unsupported", "a variable that the loader obeys", await sops.encrypt("LD_PRELOAD=/tmp/x.so\n", [classic]));
refused("empty", "bundle-empty-value", "empty values are not authenticated", await sops.encrypt("A=x\nE=\n", [classic]));
refused("null", "bundle-forged", "what `sops set null` leaves: plaintext", await sops.set(base, "PIN", null));
refused("plain", "bundle-not-encrypted", "never encrypted", Buffer.from(simple));

const text = base.toString();
const changed = (await sops.set(base, "PASSWORD", "changed")).toString();
const line = (file: string, name: string): string => new RegExp(`^${name}=.*\n`, "m").exec(file)?.[0] ?? "";
const forge = (name: string, code: ErrorCode, about: string, file: string): void => {
  if (file === text) throw new Error(`${name} is not forged`);
  refused(`forged-${name}`, code, about, Buffer.from(file));
};
forge("crlf", "bundle-malformed", "line ends converted by git", text.replaceAll("\n", "\r\n"));
forge("plaintext", "bundle-forged", "a value replaced by plaintext", text.replace(line(text, "PASSWORD"), "PASSWORD=hunter2\n"));
forge("removed", "bundle-mac", "a line removed", text.replace(line(text, "PIN"), ""));
forge("replayed", "bundle-mac", "an old value put back", changed.replace(line(changed, "PASSWORD"), line(text, "PASSWORD")));
forge("replayed-comment", "bundle-malformed", "an old value as type:comment on a duplicate", changed + line(text, "PASSWORD").replace("type:str", "type:comment"));
forge("comment-type", "bundle-forged", "type:comment on a value", text.replace(line(text, "PIN"), (pin) => pin.replace("type:str", "type:comment")));
forge("bytes-type", "bundle-forged", "type:bytes on a value", text.replace(line(text, "PIN"), (pin) => pin.replace("type:str", "type:bytes")));
forge("junk", "bundle-forged", "junk after the bracket", text.replace(line(text, "PIN"), (pin) => pin.replace("]", "]junk")));
forge("renamed", "bundle-forged", "a name changed", text.replace("\nPIN=", "\nPIM="));
forge("reordered", "bundle-mac", "two lines in another order", text.replace(line(text, "PASSWORD") + line(text, "PIN"), line(text, "PIN") + line(text, "PASSWORD")));
forge("empty-duplicate", "bundle-malformed", "an empty duplicate", `${text}PASSWORD=\n`);
forge("empty-new", "bundle-empty-value", "a new empty name", `${text}NEW=\n`);
forge("no-mac", "bundle-mac", "the MAC removed", text.replace(line(text, "sops_mac"), ""));
forge("no-metadata", "bundle-forged", "all metadata removed", text.replace(/^sops_.*\n/gm, ""));
forge("time", "bundle-mac", "lastmodified changed", text.replace(/(sops_lastmodified=)\d{4}/, "$12001"));
forge("groups", "bundle-forged", "key groups beside flat recipients", `${text}sops_key_groups__list_0__map_age__list_0__map_enc=x\n`);
forge("case-variant", "bundle-forged", "metadata in another case", `${text}sops_MAC=x\n`);

const pem = "-----BEGIN X-----\nMIIB/+==\n-----END X-----\n";
await other("json", "json", "JSON: nested keys, escapes, a backslash-n that dotenv cannot hold", JSON.stringify({ user: "alice", bot1: { key: "a\\nb", pem, "quote": '"x"' } }), {
  user: "alice", bot1_key: "a\\nb", bot1_pem: pem, bot1_quote: '"x"',
});
await other("json-types", "json", "JSON: numbers and booleans as the MAC covers them", '{"n":1234567,"t":true,"f":-0.5,"s":"5432"}', {
  n: "1234567", t: "True", f: "-0.5", s: "5432",
}, { warnings: ["n", "t", "f"], raw: { t: "True" } });
await other("json-list", "json", "JSON: a list goes by index", '{"keys":["first","second"]}', { keys_0: "first", keys_1: "second" });
await other("yaml", "yaml", "YAML: nested keys, comments, block scalars", `# who\nuser: alice # her name\nbot1:\n  # the key\n  key: "a\\tb"\n  pem: |\n${pem.replace(/^(?=.)/gm, "    ")}`, {
  user: "alice", bot1_key: "a\tb", bot1_pem: pem,
});
await other("yaml-types", "yaml", "YAML: numbers and booleans as the MAC covers them", "n: 1234567\nt: true\ns: \"5432\"\n", {
  n: "1234567", t: "True", s: "5432",
}, { warnings: ["n", "t"], raw: { t: "True" } });
refused("ini", "bundle-format", "INI is refused by name", await encryptAs("ini", "[bot1]\nkey = alice\n"));
sops.close();

/** In another format, which goes by content here: every file of this directory has the same ending. */
async function other(name: string, format: string, about: string, plain: string, deliver: Readonly<Record<string, string>>, extra: Extra = {}): Promise<void> {
  const file = await encryptAs(format, plain);
  const { stdout } = await sops.on(file, "decrypt", "--input-type", format, "--output-type", "json", "FILE");
  const { raw, ...rest } = extra;
  const printed = Object.fromEntries(flat("", JSON.parse(stdout.toString())));
  save(name, file, { about, expect: "success", ...rest, sops: base64(printed), ...(raw === undefined ? {} : { raw: base64(raw) }), deliver: base64(deliver) });
}

async function encryptAs(format: string, plain: string): Promise<Buffer> {
  return sops.encrypt(plain, [classic], "--input-type", format, "--output-type", format);
}

function flat(name: string, value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null) return [[name, String(value)]];
  return Object.entries(value).flatMap(([key, below]) => flat(name === "" ? key : `${name}_${key}`, below));
}

interface Extra {
  readonly warnings?: readonly string[];
  readonly allowEmpty?: readonly string[];
  readonly raw?: Readonly<Record<string, string>>;
}

async function honest(name: string, about: string, file: Buffer, deliver: Readonly<Record<string, string | Buffer>>, extra: Extra = {}): Promise<void> {
  const { stdout } = await sops.on(file, "decrypt", "FILE");
  const lines = stdout.toString("latin1").split("\n").filter((printed) => /^\w+=/.test(printed));
  const read = lines.map((printed) => printed.split(/=(.*)/s, 2).map((part) => part.replaceAll("\\n", "\n")));
  const { raw, ...rest } = extra;
  save(name, file, {
    about,
    expect: "success",
    ...rest,
    sops: base64(Object.fromEntries(read.map(([key = "", value = ""]) => [key, Buffer.from(value, "latin1")]))),
    ...(raw === undefined ? {} : { raw: base64(raw) }),
    deliver: base64(deliver),
  });
}

function refused(name: string, code: ErrorCode, about: string, file: Buffer): void {
  save(name, file, { about, expect: code });
}

function save(name: string, file: Buffer, expected: Expected): void {
  writeFileSync(new URL(`${name}.enc.env`, HERE), file);
  writeFileSync(new URL(`${name}.expected.json`, HERE), `${JSON.stringify(expected, null, 2)}\n`);
}

function base64(values: Readonly<Record<string, string | Buffer>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value as string).toString("base64")]));
}
