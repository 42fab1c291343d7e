/**
 * Each edit of sops.md §11.2 and §11.3 by someone who can write the file but holds no key, in each format where it can
 * be made: shared by the test that judges it and by the one that holds docs/FORGERIES.md.
 */
import { encryptPlain, setSecret } from "../../src/bundle/index.ts";
import { sealMac } from "../../src/bundle/mac.ts";
import { unseal } from "../../src/bundle/open.ts";
import { LATER, NOW, STRICT, type Keys } from "./support.ts";

export const KINDS = ["dotenv", "json", "yaml", "binary"] as const;
export type Kind = (typeof KINDS)[number];

export const VALUES = { USER: "alice", PASSWORD: "new-password", PIN: "5432", FLAG: "True" };
/** In plaintext by the file's own rule, one after the other. */
const NEIGHBOURS = { HOST_unencrypted: "db-east", ZONE_unencrypted: "zone-1" };

/** What the forger finds: the four values; two more in plaintext; those under a MAC that does not cover plaintext. */
export const BASES = ["four", "neighbours", "mac-only"] as const;
export type Base = (typeof BASES)[number];

/** An old version and today's, under one data key. */
export interface Versions {
  readonly old: string;
  readonly text: string;
  /** Today's. */
  readonly values: Readonly<Record<string, string>>;
}

export async function versions(keys: Keys, kind: Kind, base: Base): Promise<Versions> {
  const values = base === "four" ? VALUES : { ...VALUES, ...NEIGHBOURS };
  const options = { recipients: [keys.recipient], rule: null, now: NOW, allowEmpty: new Set<string>() };
  const plain = plainText(kind, { ...values, PASSWORD: "old-password" });
  const bytes = await encryptPlain(Buffer.from(plain), kind, options);
  const next = await setSecret(bytes, keys.identities, "PASSWORD", Buffer.from("new-password"), LATER, STRICT);
  const [old, text] = [bytes, next].map((file) => Buffer.from(file).toString()) as [string, string];
  return { old, text: base === "mac-only" ? await macOnlyEncrypted(keys, kind, text) : text, values };
}

function plainText(kind: Kind, values: Readonly<Record<string, string>>): string {
  if (kind === "json") return JSON.stringify(values, null, "\t");
  const lines = Object.entries(values).map(([name, value]) => {
    return kind === "yaml" ? `${name}: "${value}"\n` : `${name}=${value}\n`;
  });
  return (kind === "binary" ? "" : "# note\n") + lines.join("");
}

/** As `sops encrypt --mac-only-encrypted` seals it (sops.md §4.1). */
async function macOnlyEncrypted(keys: Keys, kind: Kind, text: string): Promise<string> {
  const { values, dataKey, metadata } = await unseal(Buffer.from(text), keys.identities);
  const start = Buffer.from("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69", "hex");
  const covered = values.filter(({ encrypted }) => encrypted).map(({ bytes }) => bytes);
  const mac = sealMac([start, ...covered], dataKey, metadata.lastModified);
  const marked = addField(kind, text, "mac_only_encrypted", "true");
  return marked.replace('_only_encrypted": "true"', '_only_encrypted": true').replace(metadata.mac, () => mac);
}

export interface Forgery {
  readonly what: string;
  /** Null: it cannot be made in that format. */
  readonly forge: (kind: Kind, versions: Versions) => string | null;
  readonly base?: Base;
  /** Nothing authenticates what it changes, and we read it: with a warning for each value that stands so. */
  readonly passes?: true;
}

/** To sops a binary file has one value, which holds all four. */
const target = (kind: Kind): string => (kind === "binary" ? "data" : "PASSWORD");

const SEALED = "ENC\\[[^\\]]*\\]";

/** The ENC text of a name. */
function sealed(text: string, name: string): string {
  return new RegExp(`^\\s*"?${name}"?[=:] ?"?(${SEALED})`, "m").exec(text)?.[1] ?? "";
}

function replaceSealed(text: string, name: string, change: (found: string) => string): string {
  const found = sealed(text, name);
  return text.replace(found, () => change(found));
}

/** One more entry below all others: many readers take the last of two. */
function add(kind: Kind, text: string, name: string, value: string): string {
  if (kind === "dotenv") return `${text}${name}=${value}\n`;
  if (kind === "yaml") return text.replace("\nsops:\n", () => `\n${name}: ${value === "" ? '""' : value}\nsops:\n`);
  const written = value === "null" ? value : JSON.stringify(value);
  return text.replace('\t"sops": {', () => `\t"${name}": ${written},\n\t"sops": {`);
}

function addField(kind: Kind, text: string, name: string, value: string): string {
  if (kind === "dotenv") return `${text}sops_${name}=${value}\n`;
  if (kind === "yaml") return text.replace("\nsops:\n", () => `\nsops:\n    ${name}: ${value}\n`);
  return text.replace('"sops": {', () => `"sops": {\n\t\t"${name}": "${value}",`);
}

function field(kind: Kind, name: string): RegExp {
  const start = kind === "dotenv" ? `^sops_${name}=` : kind === "yaml" ? `^ {4}${name}: ` : `^\\t\\t"${name}": `;
  return new RegExp(`${start}.*\\n`, "m");
}

function changeComment(kind: Kind, text: string, line: string): string | null {
  return kind === "json" || kind === "binary" ? null : text.replace(/^#ENC\[.*\n/m, line);
}

const typed = (type: string) => (found: string) => found.replace(/type:\w+\]/, `type:${type}]`);

export const FORGERIES: readonly Forgery[] = [
  { what: "an empty duplicate of a name", forge: (kind, { text }) => add(kind, text, target(kind), "") },
  {
    what: "an empty duplicate above a name",
    forge: (kind, { text }) => {
      const name = target(kind);
      if (kind === "dotenv") return `${name}=\n${text}`;
      return kind === "yaml" ? `${name}: ""\n${text}` : text.replace("{", () => `{\n\t"${name}": "",`);
    },
  },
  { what: "a new empty name", forge: (kind, { text }) => add(kind, text, "NEW", "") },
  { what: "a new null", forge: (kind, { text }) => (kind === "dotenv" ? null : add(kind, text, "NEW", "null")) },
  {
    what: "an old value as `type:comment` on a duplicate",
    forge: (kind, { old, text }) => add(kind, text, target(kind), typed("comment")(sealed(old, target(kind)))),
  },
  {
    what: "an old value in the place of today's",
    forge: (kind, { old, text }) => replaceSealed(text, target(kind), () => sealed(old, target(kind))),
  },
  { what: "`type:bytes` on a text", forge: (kind, { text }) => replaceSealed(text, target(kind), typed("bytes")) },
  { what: "`type:comment` on a text", forge: (kind, { text }) => replaceSealed(text, target(kind), typed("comment")) },
  {
    what: "`type:float` on 5432",
    forge: (kind, { text }) => (kind === "binary" ? null : replaceSealed(text, "PIN", typed("float"))),
  },
  {
    what: "`type:bool` on True",
    forge: (kind, { text }) => (kind === "binary" ? null : replaceSealed(text, "FLAG", typed("bool"))),
  },
  {
    what: "`type:int` on 5432",
    forge: (kind, { text }) => (kind === "binary" ? null : replaceSealed(text, "PIN", typed("int"))),
  },
  {
    what: "a comment added",
    forge: (kind, { text }) => (kind === "json" || kind === "binary" ? null : `#forged\n${text}`),
  },
  { what: "a comment removed", forge: (kind, { text }) => changeComment(kind, text, "") },
  { what: "a comment changed", forge: (kind, { text }) => changeComment(kind, text, "#forged\n") },
  {
    what: "text after the bracket",
    forge: (kind, { text }) => replaceSealed(text, target(kind), (found) => `${found}x`),
  },
  { what: "plaintext for a ciphertext", forge: (kind, { text }) => replaceSealed(text, target(kind), () => "forged") },
  {
    what: "a tag of 4 bytes",
    forge: (kind, { text }) => replaceSealed(text, target(kind), (found) => found.replace(/tag:[^,]+/, "tag:AAAAAA==")),
  },
  {
    what: "a name changed",
    forge: (kind, { text }) =>
      kind === "binary" ? text.replace("data", "date") : text.replace("PASSWORD", "PASSWORE"),
  },
  {
    what: "two names swapped",
    forge: (kind, { text }) =>
      kind === "binary" ? null : text.replace("USER", "@").replace("PASSWORD", "USER").replace("@", "PASSWORD"),
  },
  { what: "the MAC removed", forge: (kind, { text }) => text.replace(field(kind, "mac"), "") },
  { what: "the time changed", forge: (_, { text }) => text.replace("2026-06-01T", "2027-06-01T") },
  { what: "an unknown field of the metadata", forge: (kind, { text }) => addField(kind, text, "x", "y") },
  { what: "a field in another case", forge: (kind, { text }) => addField(kind, text, "MAC", "y") },
  { what: "`mac_only_encrypted`", forge: (kind, { text }) => addField(kind, text, "mac_only_encrypted", "true") },
  {
    what: "a second rule",
    // A binary file has none.
    forge: (kind, { text }) =>
      kind === "binary" ? null : addField(kind, text, "encrypted_regex", "^(USER|PASSWORD|PIN|FLAG)$"),
  },
  {
    what: "a rule that names today's values",
    forge: (kind, { text }) => {
      if (kind === "binary") return addField(kind, text, "encrypted_regex", "^data$");
      return text
        .replace("unencrypted_suffix", "encrypted_regex")
        .replace(/([=:] ?"?)_unencrypted/, "$1^(USER|PASSWORD|PIN|FLAG)$");
    },
  },
  {
    what: "another label on a recipient",
    forge: (kind, { text }) => text.replace(kind === "dotenv" ? /(recipient=)age1/ : /(recipient"?: "?)age1/, "$1age2"),
  },
  {
    what: "another version",
    forge: (kind, { text }) =>
      text.replace(kind === "dotenv" ? "version=3.13.1" : "3.13.1", kind === "dotenv" ? "version=3.9.9" : "3.9.9"),
  },
  {
    what: "a value wrapped in a list of one",
    forge: (kind, { text }) => {
      if (kind === "dotenv") return null;
      const found = sealed(text, target(kind));
      if (kind !== "yaml") return text.replace(`"${found}"`, () => `["${found}"]`);
      return text.replace(` ${found}`, () => `\n  - ${found}`);
    },
  },
  {
    what: "an empty map as a new name",
    forge: (kind, { text }) => {
      if (kind === "dotenv") return null;
      return kind === "yaml" ? `NEW: {}\n${text}` : text.replace("{", '{\n\t"NEW": {},');
    },
  },
  {
    what: "plaintext neighbours trade bytes",
    base: "neighbours",
    passes: true,
    forge: (kind, { text }) =>
      kind === "binary" ? null : text.replace("db-east", "db-eastz").replace("zone-1", "one-1"),
  },
  {
    what: "a plaintext neighbour renamed",
    base: "neighbours",
    passes: true,
    forge: (kind, { text }) => (kind === "binary" ? null : text.replace("ZONE_unencrypted", "SITE_unencrypted")),
  },
  {
    what: "a plaintext value changed",
    base: "neighbours",
    forge: (kind, { text }) => (kind === "binary" ? null : text.replace("db-east", "db-west")),
  },
  {
    what: "a plaintext value changed under `mac_only_encrypted`",
    base: "mac-only",
    forge: (kind, { text }) => (kind === "binary" ? null : text.replace("db-east", "db-west")),
  },
];
