import { identityToRecipient, generateHybridIdentity } from "age-encryption";
import { beforeAll, describe, expect, test } from "vitest";
import { createBundle, generateIdentity, open, parseIdentities } from "../../src/bundle/index.ts";
import { MAX_FILE_BYTES } from "../../src/bundle/limits.ts";
import {
  asBundle,
  bundleOf,
  codeOf,
  faultOf,
  lineOf,
  newKeys,
  NOW,
  openText,
  RAW,
  STRICT,
  textOf,
  type Keys,
} from "./support.ts";

let keys: Keys;
let text: string;
beforeAll(async () => {
  keys = await newKeys();
  text = Buffer.from(await bundleOf(keys, { A: "alpha", B: `"beta"`, C: "l1\nl2" })).toString();
});

describe("an honest bundle", () => {
  test("gives every value, in order, with the digest and the fingerprint key", async () => {
    const bundle = asBundle(text);
    const opened = await open(bundle, keys.identities, STRICT);
    expect([...opened.secrets.keys()]).toEqual(["A", "B", "C"]);
    expect(textOf(opened)).toEqual({ A: "alpha", B: "beta", C: "l1\nl2" });
    expect(opened.digest).toBe(bundle.digest);
    expect(opened.fingerprintKey).toEqual(keys.identities.fingerprintKey);
    expect(opened.warnings).toEqual([{ subject: "C", message: expect.stringContaining("backslash-n") as string }]);
  });

  test("in raw mode gives SOPS' own bytes and no opinion on Compose", async () => {
    const opened = await openText(text, keys, RAW);
    expect(textOf(opened)).toEqual({ A: "alpha", B: `"beta"`, C: "l1\nl2" });
    expect(opened.warnings).toEqual([]);
  });

  test.each([
    ["blank lines", (file: string) => file.replaceAll("\n", "\n\n")],
    ["no final line feed", (file: string) => file.slice(0, -1)],
    ["metadata first", (file: string) => file.split("\n").sort().reverse().join("\n")],
    ["+00:00 for Z", (file: string) => file.replace(/(sops_lastmodified=.*)Z/, "$1+00:00")],
    ["comments", (file: string) => `# plain\n#\n#ENC[broken]\n${file}`],
    ["mac_only_encrypted=false", (file: string) => `${file}sops_mac_only_encrypted=false\n`],
  ])("opens with %s", async (_, change) => {
    // sorted in reverse would move A behind C, and order is in the MAC
    const file = _ === "metadata first" ? metadataFirst(text) : change(text);
    expect(textOf(await openText(file, keys))).toEqual({ A: "alpha", B: "beta", C: "l1\nl2" });
  });

  test("opens without any rule, as old files are", async () => {
    const file = text.replace("sops_unencrypted_suffix=_unencrypted\n", "");
    expect(textOf(await openText(file, keys))).toHaveProperty("A", "alpha");
  });

  test("is opened by any of several keys, for any of several recipients, post-quantum too", async () => {
    const hybrid = await generateHybridIdentity();
    const strangers = [(await newKeys()).recipient, (await newKeys()).recipient];
    const bytes = await createBundle([...strangers, await identityToRecipient(hybrid)], [["A", Buffer.from("x")]], NOW);
    const identities = await parseIdentities(`${(await generateIdentity()).identity}\n${hybrid}\n`, "k");
    expect(textOf(await open(asBundle(bytes), identities, STRICT))).toEqual({ A: "x" });
  });

  test("a broken entry of another recipient shuts nobody out", async () => {
    const other = await newKeys();
    const bytes = await createBundle([other.recipient, keys.recipient], [["A", Buffer.from("x")]], NOW);
    const file = Buffer.from(bytes).toString().replace("-----BEGIN AGE", "-----BEGIN");
    expect(textOf(await openText(file, keys))).toEqual({ A: "x" });
  });

  test("any bytes but NUL come out as they went in", async () => {
    const bytes = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
    const opened = await openText(await bundleOf(keys, { A: bytes }), keys);
    expect([...(opened.secrets.get("A") ?? [])]).toEqual([...bytes]);
  });
});

describe("empty values, which nothing authenticates", () => {
  test("are refused by name, with the way to allow them", async () => {
    const fault = await faultOf(openText(`EMPTY=\n${text}`, keys));
    expect(fault).toMatchObject({
      code: "bundle-empty-value",
      message: expect.stringContaining("EMPTY (line 1)") as string,
    });
    expect(fault.hint).toContain("SIDECRYPT_ALLOW_EMPTY=EMPTY");
  });

  test("are delivered where they are allowed", async () => {
    const opened = await openText(`EMPTY=\n${text}`, keys, { ...STRICT, allowEmpty: new Set(["EMPTY"]) });
    expect(textOf(opened)).toHaveProperty("EMPTY", "");
  });

  test("two quotes are an encrypted, authenticated empty value", async () => {
    expect(textOf(await openText(await bundleOf(keys, { A: `""` }), keys))).toEqual({ A: "" });
  });
});

describe("what is no bundle says what it is", () => {
  test.each([
    ["bundle-not-encrypted", "A=hunter2\n", "plain dotenv"],
    ["bundle-not-encrypted", "", "no SOPS file"],
    ["bundle-not-encrypted", "hunter2", "no SOPS file"],
    ["bundle-malformed", `{"sops": {}}`, "sops_version"],
    ["bundle-malformed", "sops:\n", "no map"],
    ["bundle-format", "A = hunter2\n[sops]\nmac = x\n", "INI"],
    ["bundle-malformed", "sops_version=1\nhunter2\n", "line 2"],
    ["bundle-malformed", "sops_version=1\nA=\0\n", "line 2 holds a NUL"],
    ["bundle-too-large", Buffer.alloc(MAX_FILE_BYTES + 1), "bytes"],
    ["bundle-too-large", `sops_version=1\n${"\n".repeat(60_000)}`, "lines"],
    ["bundle-too-large", `sops_version=1\n${"A=\n".repeat(10_001)}`, "secrets"],
  ])("%s", async (code, file, message) => {
    const fault = await faultOf(openText(file, keys));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
    expect(fault.message).toContain("test.enc.env: ");
    expect(fault.message).not.toContain("hunter2");
  });

  test("a checkout with CRLF is recognised and explained", async () => {
    const fault = await faultOf(openText(text.replaceAll("\n", "\r\n"), keys));
    expect(fault.code).toBe("bundle-malformed");
    expect(fault.message).toContain("CRLF");
    expect(fault.hint).toContain("-text");
  });
});

describe("no key of ours", () => {
  test("says for whom the file is and who we are", async () => {
    const us = await newKeys();
    const fault = await faultOf(openText(text, us));
    expect(fault.code).toBe("key-no-match");
    expect(fault.message).toContain(`1 recipient (${keys.recipient})`);
    expect(fault.message).toContain(`ours: 1 recipient (${us.recipient})`);
  });

  test("many are counted, long ones abbreviated, labels that are none not repeated", async () => {
    const hybrid = await identityToRecipient(await generateHybridIdentity());
    const recipients = [hybrid, ...(await Promise.all(Array.from({ length: 7 }, newKeys))).map((k) => k.recipient)];
    const file = Buffer.from(await createBundle(recipients, [["A", Buffer.from("x")]], NOW)).toString();
    const forged = file
      .replace(/(list_1__map_recipient=).*/, "$1\u001b[31mhunter2")
      .replace(/(list_2__map_recipient=).*/, "$1ssh-ed25519 AAAA me@home");
    const fault = await faultOf(openText(forged, keys));
    expect(fault.message).toContain("8 recipients (age1pq1");
    expect(fault.message).toContain("and 3 more");
    expect(fault.message).not.toMatch(/hunter2|me@home|\u001b/);
    expect(fault.message.length).toBeLessThan(700);
  });

  test("a file for other key services only says so", async () => {
    const file = text.replace(/sops_age.*\n/g, "") + "sops_pgp__list_0__map_fp=ABCD\nsops_kms__list_0__map_arn=x\n";
    const fault = await faultOf(openText(file, keys));
    expect(fault.code).toBe("key-no-match");
    expect(fault.message).toContain("only for other key services (kms, pgp)");
  });

  test("a file for nobody says so", async () => {
    const fault = await faultOf(openText(text.replace(/sops_age.*\n/g, ""), keys));
    expect(fault).toMatchObject({ code: "key-no-match", message: expect.stringContaining("nobody") as string });
  });
});

describe("names", () => {
  test.each([
    ...["=x", "A B=x", " A=x", "A-B=x", "A.B=x", "1A=x", "export A=x", "Ä=x", "A:B=x"].map((line) => [
      line,
      "bundle-malformed",
    ]),
    ...[`\ufeffA=x`, `${"A".repeat(256)}=x`].map((line) => [line, "bundle-malformed"]),
    ...["LD_PRELOAD=x", "DYLD_INSERT_LIBRARIES=", "NODE_OPTIONS=x", "PATH=x", "BASH_ENV=x"].map((line) => [
      line,
      "bundle-unsupported",
    ]),
  ])("%j is refused", async (line, code) => {
    expect(await codeOf(openText(`${line}\n${text}`, keys))).toBe(code);
  });
});

describe("what the file's rule leaves in plaintext", () => {
  test("is delivered with a warning, since sops authenticates the value though not the name", async () => {
    const opened = await openText(rebuilt(text, "sops_encrypted_regex=^(A|B|C)$"), keys);
    expect(textOf(opened)).toHaveProperty("A", "alpha");
    expect(opened.warnings.map((warning) => warning.subject)).toEqual(["C"]);
  });

  test.each([
    ["sops_encrypted_regex=^(", "bundle-unsupported"],
    ["sops_unencrypted_regex=\\pL", "bundle-unsupported"],
    ["sops_unencrypted_suffix=", "bundle-malformed"],
    ["sops_encrypted_comment_regex=x", "bundle-unsupported"],
    ["sops_unencrypted_suffix=_x\nsops_encrypted_suffix=_y", "bundle-forged"],
    // hides what is encrypted from the rule: the ENC texts are then the values, and the MAC does not fit
    ["sops_encrypted_suffix=_never", "bundle-mac"],
    ["sops_unencrypted_regex=^A$", "bundle-mac"],
  ])("%s gives %s", async (rule, code) => {
    expect(await codeOf(openText(rebuilt(text, rule), keys))).toBe(code);
  });
});

function rebuilt(file: string, rule: string): string {
  return file.replace(lineOf(file, "sops_unencrypted_suffix"), rule);
}

function metadataFirst(file: string): string {
  const lines = file.trimEnd().split("\n");
  const isMetadata = (line: string) => line.startsWith("sops_");
  return [...lines.filter(isMetadata).reverse(), ...lines.filter((line) => !isMetadata(line))].join("\n") + "\n";
}
