/**
 * Every edit of sops.md §11.2 and §11.3 that dotenv allows someone who can write the file but holds no key. Each is
 * refused, or changes nothing that is delivered.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { createBundle, setSecret } from "../../src/bundle/index.ts";
import { encryptValue } from "../../src/bundle/value.ts";
import { unseal } from "../../src/bundle/open.ts";
import { sealMac } from "../../src/bundle/mac.ts";
import type { ErrorCode } from "../../src/errors.ts";
import {
  bundleOf,
  codeOf,
  faultOf,
  LATER,
  lineOf,
  newKeys,
  NOW,
  openText,
  said,
  STRICT,
  textOf,
  type Keys,
} from "./support.ts";

let keys: Keys;
/** An old version, and today's: the same data key, one password changed. */
let old: string;
let text: string;
let elsewhere: string;

beforeAll(async () => {
  keys = await newKeys();
  const bytes = await bundleOf(keys, { USER: "alice", PASSWORD: "old-password", PIN: "5432", FLAG: "True" });
  old = Buffer.from(bytes).toString();
  const changed = await setSecret(bytes, keys.identities, "PASSWORD", Buffer.from("new-password"), LATER, STRICT);
  text = Buffer.from(changed).toString();
  elsewhere = Buffer.from(await bundleOf(keys, { PASSWORD: "chosen-by-forger" })).toString();
});

/** Replaces inside the line of one name. */
function edit(name: string, from: string | RegExp, to: string | ((found: string) => string)): string {
  const line = lineOf(text, name);
  const edited = line.replace(from, to as string);
  expect(edited, "the edit must change something").not.toBe(line);
  return text.replace(line, () => edited);
}

function replaceLine(name: string, line: string): string {
  return text.replace(lineOf(text, name), () => line);
}

const FORGERIES: readonly (readonly [what: string, code: ErrorCode, forge: () => string])[] = [
  ["value replaced by plaintext", "bundle-forged", () => replaceLine("PASSWORD", "PASSWORD=hunter2")],
  ["plaintext appended", "bundle-forged", () => `${text}NEW=hunter2\n`],
  ["the <nil> that `sops set null` leaves", "bundle-forged", () => `${text}NEW=<nil>\n`],
  ["key removed", "bundle-mac", () => replaceLine("PASSWORD", "#")],
  ["every key removed", "bundle-mac", () => text.replace(/^[A-Z]+=.*\n/gm, "")],
  ["value emptied", "bundle-mac", () => replaceLine("PASSWORD", "PASSWORD=")],
  ["key turned into a comment", "bundle-mac", () => replaceLine("PIN", `#${lineOf(text, "PIN")}`)],
  ["MAC removed", "bundle-mac", () => text.replace(/^sops_mac=.*\n/m, "")],
  ["MAC emptied", "bundle-mac", () => replaceLine("sops_mac", "sops_mac=")],
  ["MAC of garbage", "bundle-mac", () => replaceLine("sops_mac", "sops_mac=hunter2")],
  ["MAC of the old version", "bundle-mac", () => replaceLine("sops_mac", lineOf(old, "sops_mac"))],
  ["MAC with a cut tag", "bundle-mac", () => edit("sops_mac", /tag:[^,]+/, "tag:AAAAAAAA")],
  ["MAC typed as bytes", "bundle-mac", () => edit("sops_mac", "type:str", "type:bytes")],
  [
    "a value's ENC text as the MAC",
    "bundle-mac",
    () => replaceLine("sops_mac", lineOf(text, "USER").replace("USER", "sops_mac")),
  ],
  ["lastmodified changed", "bundle-mac", () => edit("sops_lastmodified", "2026", "2027")],
  ["lastmodified removed", "bundle-malformed", () => text.replace(/^sops_lastmodified=.*\n/m, "")],
  ["all metadata removed", "bundle-forged", () => text.replace(/^sops_.*\n/gm, "")],
  ["old value and old MAC, new time", "bundle-mac", () => replaceLine("PASSWORD", lineOf(old, "PASSWORD"))],
  ["empty duplicate after", "bundle-malformed", () => `${text}PASSWORD=\n`],
  ["empty duplicate before", "bundle-malformed", () => `PASSWORD=\n${text}`],
  ["new empty name", "bundle-empty-value", () => `${text}NEW=\n`],
  ["old value as type:comment on a duplicate", "bundle-malformed", () => text + replay("type:comment")],
  [
    "old value as type:comment in its place",
    "bundle-forged",
    () => replaceLine("PASSWORD", replay("type:comment").trim()),
  ],
  ["type:bytes", "bundle-forged", () => edit("PASSWORD", "type:str", "type:bytes")],
  ["type:time", "bundle-forged", () => edit("PASSWORD", "type:str", "type:time")],
  ["type:comment", "bundle-forged", () => edit("PASSWORD", "type:str", "type:comment")],
  ["an unheard-of type", "bundle-forged", () => edit("PASSWORD", "type:str", "type:constructor")],
  ["type:int on text", "bundle-forged", () => edit("PASSWORD", "type:str", "type:int")],
  ["type:float on text", "bundle-forged", () => edit("PASSWORD", "type:str", "type:float")],
  ["type:bool on text", "bundle-forged", () => edit("PASSWORD", "type:str", "type:bool")],
  ["junk after the bracket", "bundle-forged", () => edit("PASSWORD", /$/, "junk")],
  ["a blank after the bracket", "bundle-forged", () => edit("PASSWORD", /$/, " ")],
  ["junk before ENC", "bundle-forged", () => edit("PASSWORD", "=", "= ")],
  ["quotes around ENC", "bundle-forged", () => edit("PASSWORD", /=(.*)/, '="$1"')],
  ["a line break inside the base64", "bundle-forged", () => edit("PASSWORD", "data:", "data:\\n")],
  ["base64 with blanks", "bundle-forged", () => edit("PASSWORD", "data:", "data: ")],
  ["base64 of another alphabet", "bundle-forged", () => edit("PASSWORD", /data:.{4}/, "data:-_-_")],
  ["base64 without padding", "bundle-forged", () => edit("PASSWORD", /==,type/, ",type")],
  ["base64 with bits behind its end", "bundle-forged", () => edit("PASSWORD", /.==,type/, "B==,type")],
  ["a 4-byte tag", "bundle-forged", () => edit("PASSWORD", /tag:[^,]+/, (tag) => cut(tag, 4))],
  ["a 15-byte tag", "bundle-forged", () => edit("PASSWORD", /tag:[^,]+/, (tag) => cut(tag, 15))],
  ["no tag", "bundle-forged", () => edit("PASSWORD", /tag:[^,]+/, "tag:")],
  ["a 12-byte IV", "bundle-forged", () => edit("PASSWORD", /iv:[^,]+/, (iv) => cut(iv, 12))],
  ["values swapped", "bundle-forged", () => swapped("USER", "PASSWORD")],
  ["lines reordered", "bundle-mac", () => `${lineOf(text, "PIN")}\n${text.replace(`${lineOf(text, "PIN")}\n`, "")}`],
  ["a name changed", "bundle-forged", () => edit("PASSWORD", "PASSWORD", "PASSWORE")],
  ["a name in another case", "bundle-forged", () => edit("PASSWORD", "PASSWORD", "Password")],
  ["a value of another file", "bundle-forged", () => replaceLine("PASSWORD", lineOf(elsewhere, "PASSWORD"))],
  ["the data key of another file", "bundle-forged", () => replaceLine(ENC_FIELD, lineOf(elsewhere, ENC_FIELD))],
  ["a loader variable in clear", "bundle-unsupported", () => `${text}LD_PRELOAD=/tmp/x.so\n`],
  ["flat recipients and groups", "bundle-forged", () => `${text}sops_key_groups__list_0__map_age__list_0__map_enc=x\n`],
  ["groups only", "bundle-unsupported", () => text.replaceAll("sops_age", "sops_key_groups__list_0__map_age")],
  ["a Shamir threshold", "bundle-unsupported", () => `${text}sops_shamir_threshold=2\n`],
  ["a Shamir threshold that is no number", "bundle-unsupported", () => `${text}sops_shamir_threshold=2x\n`],
  ["mac_only_encrypted", "bundle-unsupported", () => `${text}sops_mac_only_encrypted=true\n`],
  ["mac_only_encrypted=1", "bundle-unsupported", () => `${text}sops_mac_only_encrypted=1\n`],
  ["duplicate metadata", "bundle-forged", () => `${text}${lineOf(text, "sops_mac")}\n`],
  ["duplicate list index in other digits", "bundle-malformed", () => `${text}sops_age__list_00__map_enc=x\n`],
  [
    "a gap in the recipients",
    "bundle-malformed",
    () => `${text}sops_age__list_2__map_enc=x\nsops_age__list_2__map_recipient=x\n`,
  ],
  ["half a recipient", "bundle-malformed", () => `${text}sops_age__list_1__map_enc=x\n`],
  ["a scalar where the recipients stand", "bundle-malformed", () => `${text}sops_age=x\n`],
  ["a list where the MAC stands", "bundle-malformed", () => `${text}sops_mac__list_0=x\n`],
  ["case-variant metadata", "bundle-forged", () => `${text}sops_MAC=x\n`],
  ["case-variant rule", "bundle-forged", () => `${text}sops_Encrypted_Regex=^$\n`],
  ["case-variant list", "bundle-forged", () => `${text}sops_AGE__list_0__map_enc=x\n`],
  ["case-variant list field", "bundle-forged", () => `${text}sops_age__list_0__map_Enc=x\n`],
  ["a second rule", "bundle-forged", () => `${text}sops_encrypted_regex=^(USER|PASSWORD|PIN|FLAG)$\n`],
  ["version removed", "bundle-malformed", () => text.replace(/^sops_version=.*\n/m, "")],
];

const ENC_FIELD = "sops_age__list_0__map_enc";

describe("refused", () => {
  test.each(FORGERIES)("%s: %s", async (_, code, forge) => {
    const forged = forge();
    expect(forged).not.toBe(text);
    const fault = await faultOf(openText(forged, keys));
    expect(fault.code).toBe(code);
    expect(said(fault)).not.toMatch(/alice|-password|hunter2|chosen|AGE-SECRET|ENC\[AES/);
  });

  test("a data key of the wrong length", async () => {
    const { wrapDataKey } = await import("../../src/bundle/datakey.ts");
    const { enc } = await wrapDataKey(Buffer.alloc(16), keys.recipient);
    const forged = replaceLine(ENC_FIELD, `${ENC_FIELD}=${enc.replaceAll("\n", "\\n")}`);
    expect(await codeOf(openText(forged, keys))).toBe("bundle-forged");
  });

  test("a value with a NUL, from someone who holds the key", async () => {
    expect(await codeOf(openText(await bundleOf(keys, { A: "a\0b" }), keys))).toBe("bundle-malformed");
  });

  test.each([
    ["int", "+5"],
    ["int", "05"],
    ["float", "1.0"],
    ["bool", "true"],
    ["float", "NaN"],
  ])("a %s written as %s, from someone who holds the key", async (type, plaintext) => {
    const { dataKey } = await unseal(Buffer.from(text), keys.identities);
    const enc = encryptValue(Buffer.from(plaintext), dataKey, "PIN:", type);
    expect(await codeOf(openText(replaceLine("PIN", `PIN=${enc}`), keys))).toBe("bundle-forged");
  });
});

describe("what nothing authenticates changes nothing that is delivered", () => {
  const values = { USER: "alice", PASSWORD: "new-password", PIN: "5432", FLAG: "True" };

  test.each([
    ["comments", () => `#anything\n${text}`, null],
    ["a replayed old value in a comment", () => `#${lineOf(old, "PASSWORD").slice(9)}\n${text}`, null],
    [
      "the recipient's label",
      () => replaceLine("sops_age__list_0__map_recipient", "sops_age__list_0__map_recipient=x"),
      null,
    ],
    ["the version", () => replaceLine("sops_version", "sops_version=9.9.9"), null],
    ["an unknown field", () => `${text}sops_x=y\n`, "sops_x"],
    ["an unknown field of a recipient", () => `${text}sops_age__list_0__map_x=y\n`, "sops_age__list_0__map_x"],
    ["an unknown field of odd bytes", () => `${text}sops_\u001b[31m=y\n`, /^line \d+$/],
    ["type:int on a number", () => edit("PIN", "type:str", "type:int"), "PIN"],
    // sops would print 5432.0 and true: a forger could change what a bot gets
    ["type:float on a number", () => edit("PIN", "type:str", "type:float"), "PIN"],
    ["type:bool on True", () => edit("FLAG", "type:str", "type:bool"), "FLAG"],
    [
      "an added recipient",
      () => `${text}sops_age__list_1__map_enc=x\nsops_age__list_1__map_recipient=age1forger\n`,
      null,
    ],
    ["an injected rule that fits today's names", injectedRule, null],
  ] as const)("%s", async (_, forge, warned) => {
    const opened = await openText(forge(), keys);
    expect(textOf(opened)).toEqual(values);
    const subjects = opened.warnings.map((warning) => warning.subject);
    expect(subjects).toEqual(
      warned === null ? [] : [typeof warned === "string" ? warned : expect.stringMatching(warned)],
    );
  });
});

test("an injected rule makes no plaintext of the next secret", async () => {
  const set = setSecret(Buffer.from(injectedRule()), keys.identities, "NEXT", Buffer.from("x"), LATER, STRICT);
  expect(await codeOf(set)).toBe("value-unstorable");
});

test("plaintext by rule is delivered, warned of, and cannot be changed", async () => {
  const bytes = await plainByRule();
  const opened = await openText(bytes, keys);
  expect(textOf(opened)).toEqual({ A: "x", PORT_unencrypted: "8080" });
  expect(opened.warnings.map((warning) => warning.subject)).toEqual(["PORT_unencrypted"]);
  expect(await codeOf(openText(bytes.replace("8080", "8081"), keys))).toBe("bundle-mac");
});

/** As sops writes it: the line in clear, its value in the MAC. */
async function plainByRule(): Promise<string> {
  const file = Buffer.from(await createBundle([keys.recipient], [["A", Buffer.from("x")]], NOW)).toString();
  const { dataKey, metadata } = await unseal(Buffer.from(file), keys.identities);
  const mac = sealMac([Buffer.from("x"), Buffer.from("8080")], dataKey, metadata.lastModified);
  return file
    .replace("sops_age", "PORT_unencrypted=8080\nsops_age")
    .replace(lineOf(file, "sops_mac"), () => `sops_mac=${mac}`);
}

function injectedRule(): string {
  return replaceLine("sops_unencrypted_suffix", "sops_encrypted_regex=^(USER|PASSWORD|PIN|FLAG)$");
}

function replay(type: string): string {
  return `${lineOf(old, "PASSWORD").replace("type:str", type)}\n`;
}

function swapped(a: string, b: string): string {
  const [lineA, lineB] = [lineOf(text, a), lineOf(text, b)];
  const [valueA, valueB] = [lineA.slice(a.length), lineB.slice(b.length)];
  return text.replace(lineA, () => a + valueB).replace(lineB, () => b + valueA);
}

function cut(field: string, length: number): string {
  const [name = "", base64 = ""] = field.split(/:(.*)/);
  return `${name}:${Buffer.from(base64, "base64").subarray(0, length).toString("base64")}`;
}
