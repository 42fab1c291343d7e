/**
 * What sops' own unit tests hold for true (getsops/sops, aes/cipher_test.go and age/keysource_test.go): the same inputs have
 * the same outputs here. All keys are those tests' own.
 */
import { armor } from "age-encryption";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wrapDataKey } from "../../src/bundle/datakey.ts";
import { createBundle, decryptKeyFile, parseIdentities, readIdentities, recipientsOf } from "../../src/bundle/index.ts";
import { decryptValue, encryptValue, parseEnc } from "../../src/bundle/value.ts";
import { parseRules, recipientsOf as recipientsOfRule, ruleFor } from "../../src/rules/index.ts";
import { codeOf, newKeys, NOW, openText, RAW } from "./support.ts";

const SPEC = {
  recipient: "age1lzd99uklcjnc0e7d860axevet2cz99ce9pq6tzuzd05l5nr28ams36nvun",
  identity: "AGE-SECRET-KEY-1G0Q5K9TV4REQ3ZSQRMTMG8NSWQGYT0T7TZ33RAZEE0GZYVZN0APSU24RK7",
  hybridIdentity: "AGE-SECRET-KEY-PQ-1JPDDEMSK6G9MG0VNJRSA0QKZ05CF4H6TK50YZGDKZKTRGC5Z7KEQUDUPG6",
  otherIdentity: "AGE-SECRET-KEY-1432K5YRNSC44GC4986NXMX6GVZ52WTMT9C79CLUVWYY4DKDHD5JSNDP4MC",
  encryptedKey: `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBvY2t2NkdLUGRvY3l2OGNy
MVJWcUhCOEZrUG8yeCtnRnhxL0I5NFk4YjJFCmE4SVQ3MEdyZkFqRWpSa2F0NVhF
VDUybzBxdS9nSGpHSVRVMUI0UEVqZkkKLS0tIGJjeGhNQ0Y5L2VZRVVYSm90djFF
bzdnQ3UwTGljMmtrbWNMV1MxYkFzUFUK4xjOZOTGdcbzuwUY/zeBXhcF+Md3e5PQ
EylloI7MNGbadPGb
-----END AGE ENCRYPTED FILE-----`,
  plain: "data",
  passphrase: "passphrase",
  encryptedIdentity: `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBMN2FXZW9xSFViYjdNeW5D
dy9iSHFnIDE4Ck9zV0ZoNldmci9rL3VXd3BtZmQvK3VZWEpBQjdhZ0UrcmhqR2lF
YThFMzAKLS0tIGVEQ0xwODI1TlNYeHNHaHZKWHoyLzYwMTMvTGhaZG1oa203cSs0
VUpBL1kKsaTnt+H/z8mkL21UYKIt3YMpWSV/oYqTm1cSSUnF9InZEYU9HndK9rc8
ni+MTJCmYf4mgvvGPMf7oIQvs6ijaTdlQb+zeQsL4eif20w+CWgvPNrS6iXUIs8W
w5/fHsxwmrkG96nDkMErJKhmjmLpC+YdbiMe6P/KIpas09m08RTIqcz7ua0Xm3ey
ndU+8ILJOhcnWV55W43nTw/UUFse7f+qY61n7kcd1sGd7ZfSEdEIqS3K2vEtA3ER
fn0s3cyXVEBxL9OZqcAk45bCFVOl13Fp/DBfquHEjvAyeg0=
-----END AGE ENCRYPTED FILE-----`,
  sshRecipient: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+Wi8WZw2bXfBpcs/WECttCzP39OkenS6pHWHWGFJvN Test",
  sshIdentity: `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACA/lovFmcNm13waXLP1hArbQsz9/TpHp0uqR1h1hhSbzQAAAIgCXDMIAlwz
CAAAAAtzc2gtZWQyNTUxOQAAACA/lovFmcNm13waXLP1hArbQsz9/TpHp0uqR1h1hhSbzQ
AAAEBJdWTJ8dC0OnMcwy4gQ96sp6KG8GE9EiyhFGhKldKiST+Wi8WZw2bXfBpcs/WECttC
zP39OkenS6pHWHWGFJvNAAAABFRlc3QB
-----END OPENSSH PRIVATE KEY-----`,
  encryptedSshKey: `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNzaC1lZDI1NTE5IDJjd0R4dyB2R3Ns
VUNHaXBiTEJaNU5BMFFQZUpCYWJqODFyTTZ4WWZoRVpUd2M2aTBFCkduUFJHb1U2
K3RqWVQrLzE4anZKZ3h2T3c2MFpZTHlGaHprcElXenByWTAKLS0tIG56MHFSZERl
em9PWmRMMTY4aytYTnVZN04yeER5Z2E3TWxWT3JTZWR2ekUKp/HZLy4MzQqoszGk
+P0hSPPNhOhvFwv4AqCw1+A+WyeHGQPq
-----END AGE ENCRYPTED FILE-----`,
} as const;
/** Of nobody here. */
const OTHER = "age1tmaae3ld5vpevmsh5yacsauzx8jetg300mpvc4ugp5zr5l6ssq9sla97ep";

describe("aes/cipher_test.go", () => {
  const key = Buffer.from("f".repeat(32));
  const message =
    "ENC[AES256_GCM,data:oYyi,iv:MyIDYbT718JRr11QtBkcj3Dwm4k1aCGZBVeZf0EyV8o=,tag:t5z2Z023Up0kxwCgw1gNxg==,type:str]";

  test("TestDecrypt, TestDecryptInvalidAad", () => {
    const sealed = parseEnc(message)!;
    expect(sealed.type).toBe("str");
    expect(decryptValue(sealed, key, "bar:")?.toString()).toBe("foo");
    expect(decryptValue(sealed, key, "")).toBeNull();
  });

  test("TestRoundtripString", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(bytes, fc.string(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (text, path, random) => {
        const [dataKey, aad] = [Buffer.from(random), Buffer.from(path).toString("latin1")];
        const sealed = parseEnc(encryptValue(text, dataKey, aad, "str"))!;
        expect(decryptValue(sealed, dataKey, aad)).toEqual(Buffer.from(text));
      }),
    );
  });

  test("TestEncryptEmptyComment, TestDecryptEmptyValue", async () => {
    const keys = await newKeys();
    const file = Buffer.from(
      await createBundle(
        [keys.recipient],
        [
          ["A", Buffer.from("x")],
          ["E", Buffer.alloc(0)],
        ],
        NOW,
      ),
    );
    const text = file.toString().replace("A=", "#\nA=");
    expect(text).toMatch(/^#\nA=ENC\[.*\]\nE=\n/);
    expect((await openText(text, keys, { ...RAW, allowEmpty: new Set(["E"]) })).secrets.get("E")).toHaveLength(0);
  });

  test.each(["time", "bytes", "unknown"])("TestRoundtripTime and others: the type %s is refused", async (type) => {
    const keys = await newKeys();
    const file = Buffer.from(
      await createBundle([keys.recipient], [["A", Buffer.from("2006-01-02T15:04:05+07:00")]], NOW),
    );
    expect(await codeOf(openText(file.toString().replace("type:str", `type:${type}`), keys))).toBe("bundle-forged");
  });
});

describe("age/keysource_test.go", () => {
  const { identity, otherIdentity, encryptedKey, sshIdentity, sshRecipient } = SPEC;
  const keys = (text: string) => parseIdentities(text, "keys");
  const ssh = () => readIdentities(null, { path: "id", text: sshIdentity });
  const withoutComment = sshRecipient.split(" ").slice(0, 2).join(" ");

  test("TestMasterKeyFromRecipient, TestParsedIdentities_Import", async () => {
    const three = recipientsOf(await keys(`${identity}\n${otherIdentity}\n${SPEC.hybridIdentity}\n`));
    expect(three).toHaveLength(3);
    expect(three[0]).toBe(SPEC.recipient);
    expect(three[2]).toMatch(/^age1pq1/);
    expect(recipientsOf(await ssh())).toEqual([withoutComment]);
    expect(await codeOf(keys("invalid"))).toBe("key-malformed");
    expect(await codeOf(wrapDataKey(Buffer.alloc(32), "invalid"))).toBe("key-malformed");
  });

  test("TestMasterKey_Decrypt: with any of the identities, and with none that does not match", async () => {
    const ageFile = armor.decode(encryptedKey);
    for (const text of [identity, `${otherIdentity}\n${identity}`]) {
      expect((await (await keys(text)).decrypt(ageFile))?.toString()).toBe(SPEC.plain);
    }
    expect(await (await keys(otherIdentity)).decrypt(ageFile)).toBeNull();
    expect((await (await ssh()).decrypt(armor.decode(SPEC.encryptedSshKey)))?.toString()).toBe(SPEC.plain);
    expect(await (await ssh()).decrypt(ageFile)).toBeNull();
  });

  test("TestMasterKey_EncryptDecrypt_RoundTrip", async () => {
    const [data, own, theirs] = [Buffer.from("some secret data"), await keys(identity), await ssh()];
    const entries = await Promise.all([SPEC.recipient, sshRecipient].map((recipient) => wrapDataKey(data, recipient)));
    expect(await own.decrypt(armor.decode(entries[0]!.enc))).toEqual(data);
    expect(await theirs.decrypt(armor.decode(entries[1]!.enc))).toEqual(data);
    expect(entries.map(({ recipient }) => recipient)).toEqual([SPEC.recipient, sshRecipient]);
  });

  test("TestMasterKey_Identities_Passphrase", async () => {
    const locked = Buffer.from(SPEC.encryptedIdentity);
    const opened = Buffer.from(await decryptKeyFile(locked, Buffer.from(SPEC.passphrase), "locked")).toString();
    expect((await (await keys(opened)).decrypt(armor.decode(encryptedKey)))?.toString()).toBe(SPEC.plain);
    expect(await codeOf(decryptKeyFile(locked, Buffer.from("another"), "locked"))).toBe("key-unreadable");
  });

  test.each([
    [SPEC.recipient, [SPEC.recipient]],
    [sshRecipient, [sshRecipient]],
    [`${SPEC.recipient},${OTHER},${sshRecipient}`, [SPEC.recipient, OTHER, sshRecipient]],
    [`   ${SPEC.recipient}   ,   ${OTHER} ,  ${sshRecipient}     `, [SPEC.recipient, OTHER, sshRecipient]],
  ])("TestMasterKeysFromRecipients: %s", (age, wanted) => {
    const rule = ruleFor(parseRules(`creation_rules: [{ age: ${JSON.stringify(age)} }]`, "/r/.sops.yaml"), "/r/a.env");
    expect(rule === null ? null : recipientsOfRule(rule)).toEqual(wanted);
  });
});
