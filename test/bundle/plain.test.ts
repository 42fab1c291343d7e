import { beforeAll, describe, expect, test } from "vitest";
import {
  decryptPlain,
  describeBundle,
  editPlain,
  encryptPlain,
  unsetSecret,
  withRecipients,
} from "../../src/bundle/index.ts";
import { codeOf, faultOf, LATER, newKeys, NOW, openText, said, STRICT, textOf, type Keys } from "./support.ts";

const PLAIN = "# a note\nA=alpha\nB=beta\nPORT_unencrypted=80\n";
let keys: Keys;
let bytes: Uint8Array;
beforeAll(async () => {
  keys = await newKeys();
  bytes = await encryptPlain(Buffer.from(PLAIN), "dotenv", options());
});

function options(rule: Parameters<typeof encryptPlain>[2]["rule"] = null) {
  return { recipients: [keys.recipient], rule, now: NOW, allowEmpty: new Set<string>() };
}

const lines = (file: Uint8Array): string[] => Buffer.from(file).toString().split("\n");

function changed(before: Uint8Array, after: Uint8Array): string[] {
  const known = new Set(lines(before));
  return lines(after)
    .filter((line) => !known.has(line))
    .map((line) => line.split("=")[0]!);
}

describe("a plain file encrypted", () => {
  test("comes back byte for byte, its comments encrypted too", async () => {
    expect(Buffer.from(bytes).toString()).not.toMatch(/alpha|beta|note/);
    expect(await decryptPlain(bytes, keys.identities)).toEqual({
      format: "dotenv",
      bytes: Uint8Array.from(Buffer.from(PLAIN)),
    });
  });

  test.each([
    ["encrypted already", (): Uint8Array => bytes, "value-unstorable"],
    ["a name twice", (): Uint8Array => Buffer.from("A=x\nA=y\n"), "value-unstorable"],
    ["an empty value", (): Uint8Array => Buffer.from("A=\n"), "bundle-empty-value"],
  ] as const)("is refused: %s", async (_, plain, code) => {
    expect(await codeOf(encryptPlain(plain(), "dotenv", options()))).toBe(code);
  });

  test.each([
    ["a line that makes it look like dotenv", "yaml", 'A: x\nB_unencrypted: "B=ENC[AES256_GCM,hunter2"\n'],
    ["a byte that no bundle holds", "dotenv", "A=x\nB_unencrypted=hunter2\0\n"],
  ] as const)("is refused where it could not be read again: %s", async (_, format, plain) => {
    const fault = await faultOf(encryptPlain(Buffer.from(plain), format, options()));
    expect(fault.message).toMatch(/^encrypted, the file could not be read again: /);
    expect(said(fault)).not.toContain("hunter2");
  });

  test("under a rule that encrypts nothing is refused", async () => {
    const rule = { field: "encrypted_regex", text: "^(data|stringData)$" } as const;
    expect(await codeOf(encryptPlain(Buffer.from(PLAIN), "dotenv", options(rule)))).toBe("value-unstorable");
  });
});

describe("an edited plaintext", () => {
  const edit = (plain: string) => editPlain(bytes, keys.identities, Buffer.from(plain), LATER, STRICT);

  test("that is the same gives the same bytes", async () => {
    expect(Buffer.from(await edit(PLAIN)).equals(bytes)).toBe(true);
  });

  test("changes what changed, and the time and the MAC", async () => {
    const after = await edit(PLAIN.replace("beta", "changed"));
    expect(changed(bytes, after)).toEqual(["B", "sops_lastmodified", "sops_mac"]);
    expect(textOf(await openText(after, keys))).toEqual({ A: "alpha", B: "changed", PORT_unencrypted: "80" });
  });

  test.each(["NEW_unencrypted=x\n", "PORT_unencrypted=81\n"])(
    "is refused where it would stay plain: %s",
    async (line) => {
      expect(await codeOf(edit(PLAIN.replace(/PORT.*\n/, line)))).toBe("value-unstorable");
    },
  );
});

test("unset takes the line, the time and the MAC", async () => {
  const after = await unsetSecret(bytes, keys.identities, "A", LATER, STRICT);
  expect(changed(bytes, after)).toEqual(["sops_lastmodified", "sops_mac"]);
  expect(lines(after)).toHaveLength(lines(bytes).length - 1);
  expect(await codeOf(unsetSecret(bytes, keys.identities, "NONE", LATER, STRICT))).toBe("secret-missing");
});

test("other recipients get the same data key; nothing else changes", async () => {
  const other = await newKeys();
  const after = await withRecipients(bytes, keys.identities, [other.recipient]);
  expect(changed(bytes, after)).toEqual(["sops_age__list_0__map_enc", "sops_age__list_0__map_recipient"]);
  expect(textOf(await openText(after, other))).toHaveProperty("A", "alpha");
});

test("a description needs no key", () => {
  expect(describeBundle(bytes)).toEqual({
    format: "dotenv",
    recipients: [keys.recipient],
    otherServices: [],
    rule: { field: "unencrypted_suffix", text: "_unencrypted" },
    lastModified: "2026-05-22T20:15:29Z",
  });
});
