/** Lines that are refused by what is wrong with them; those that ssh-keygen judges too stand in differential.test.ts. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SidecryptError } from "../../src/errors.ts";
import { parseSigners, requireSigner } from "../../src/trust/index.ts";
import { parseTime } from "../../src/trust/signers.ts";
import { string } from "../../src/ssh-wire.ts";
import { tokenKey } from "./ssh.ts";

const { publicKey } = tokenKey("sk-ssh-ed25519");
const ED25519 = `ssh-ed25519 ${Buffer.concat([
  string("ssh-ed25519"),
  string(Buffer.from(generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x!, "base64url")),
]).toString("base64")}`;

const of = (type: string, ...parts: readonly Uint8Array[]): string =>
  `${type} ${Buffer.concat([string(type), ...parts.map((part) => string(part))]).toString("base64")}`;

const refusal = (text: string): SidecryptError => {
  try {
    parseSigners(text, "allowed_signers");
  } catch (thrown) {
    if (thrown instanceof SidecryptError) return thrown;
  }
  throw new Error("was accepted");
};

describe("a line of allowed_signers", () => {
  test.each([
    ["alice", "it is not PRINCIPALS [OPTIONS] TYPE KEY"],
    [`alice cert-authority ${ED25519}`, "cert-authority is not supported: name the signers' own keys"],
    [`alice Cert-Authority,namespaces="a" ${ED25519}`, "cert-authority is not supported: name the signers' own keys"],
    [`alice ${of("ssh-dss")}`, "keys of the type ssh-dss are not supported"],
    [`alice ${of("ssh-ed25519-cert-v01@openssh.com")}`, "keys of the type ssh-ed25519-cert-v01@openssh.com are not"],
    [`alice ${of("ssh-ed25519", Buffer.alloc(31))}`, "its ssh-ed25519 key is damaged"],
    [`alice ${of("ssh-rsa", Buffer.of(3), Buffer.alloc(128, 0x7f))}`, "its RSA key has 1023 bits: 2048 are the least"],
    [`alice ${of("ecdsa-sha2-nistp256", Buffer.from("nistp256"), Buffer.alloc(65, 4))}`, "nistp256 key is damaged"],
    [`alice ${of("ecdsa-sha2-nistp256", Buffer.from("nistp384"), Buffer.alloc(97, 4))}`, "nistp256 key is damaged"],
    [`alice ssh-rsa ${ED25519.split(" ")[1]!}`, "its key is of the type ssh-ed25519, not ssh-rsa"],
    ["alice ssh-ed25519 A=A", "its key is no base64"],
    [
      `alice valid-before="20260230" ${ED25519}`,
      'valid-before wants a time in quotes, such as valid-before="20270131Z"',
    ],
    [`alice namespaces="a ${ED25519}`, "a quote in its options is never closed"],
    [`alice verify-required ${ED25519}`, "it has an option that is none of"],
  ])("%s", (line, message) => {
    const error = refusal(`bob ${publicKey}\n\n${line}\n`);
    expect(error.code).toBe("signers-invalid");
    expect(error.message).toContain(`allowed_signers, line 3: `);
    expect(error.message).toContain(message);
  });

  test("is needed", () => {
    expect(refusal("# nobody\n\n").message).toBe("allowed_signers names no signer");
  });

  test("may end as Windows ends them", () => {
    expect(
      parseSigners(`# team\r\nalice ${ED25519}\r\n`, "x").map(({ principals, line }) => [principals, line]),
    ).toEqual([["alice", 2]]);
  });

  test("is read in time, whatever it is", () => {
    const alphabet = ["alice", " ", '"', '\\"', ",", "=", "namespaces", "valid-after", "!*", "ssh-rsa", ED25519, "\t"];
    for (let round = 0; round < 2000; round++) {
      const text = [...randomBytes(12)].map((byte) => alphabet[byte % alphabet.length]).join("");
      try {
        parseSigners(text, "x");
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: "signers-invalid" });
      }
    }
  });
});

test.each([
  ["20270131Z", Date.UTC(2027, 0, 31)],
  ["202701311530Z", Date.UTC(2027, 0, 31, 15, 30)],
  ["20270131153059z", Date.UTC(2027, 0, 31, 15, 30, 59)],
  ["20270131", new Date(2027, 0, 31).getTime()],
  ["2027013115", null],
  ["20270131240000Z", null],
  ["20270132Z", null],
])("the time %s", (text, ms) => {
  expect(parseTime(text)).toBe(ms);
});

describe("who signed", () => {
  const key = tokenKey("sk-ecdsa-sha2-nistp256");
  const bytes = Buffer.from("KEY=ENC[…]");
  const signature = key.sign(bytes, "sidecrypt");
  const NOW = Date.UTC(2026, 0, 1);
  const ask = (signers: string, more: object = {}) =>
    requireSigner({ path: "prod.env", bytes, signature, ...more }, parseSigners(signers, "allowed"), NOW);

  test("is said by the principals of the line and the fingerprint of the key", () => {
    const signer = ask(`alice,a@example.com ${key.publicKey}`);
    expect(signer.principals).toBe("alice,a@example.com");
    expect(signer.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  test.each([
    ["bundle-unsigned", "prod.env is not signed: there is no prod.env.sig", "", { signature: null }],
    ["bundle-signature", "prod.env.sig: it is no SSH signature", "", { signature: Buffer.from("signed, Alice") }],
    ["bundle-signature", "prod.env is not what prod.env.sig signs", "", { bytes: Buffer.from("KEY=other") }],
    ["bundle-signature", "not made for the namespace sidecrypt", "", { signature: key.sign(bytes, "git") }],
    ["bundle-signer", "alice (line 1), who may not sign for sidecrypt", 'namespaces="git"', {}],
    ["bundle-signer", "alice (line 1), who may not sign before 2026-01-02T00:00:00Z", 'valid-after="20260102Z"', {}],
    ["bundle-signer", "alice (line 1), who may not sign any more since 2025-12-31", 'valid-before="20251231Z"', {}],
  ])("%s: %s", (code, message, options, more) => {
    expect(() => ask(`alice ${options} ${key.publicKey}`, more)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }),
    );
  });

  test("is nobody where the key stands in no line", () => {
    expect(() => ask(`bob ${publicKey}`)).toThrow(expect.objectContaining({ code: "bundle-signer" }));
  });
});
