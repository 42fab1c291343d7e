import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { createBundle, rewrap, setSecret } from "../../src/bundle/index.ts";
import { unseal } from "../../src/bundle/open.ts";
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
let bytes: Uint8Array;
let text: string;
beforeAll(async () => {
  keys = await newKeys();
  bytes = await bundleOf(keys, { A: "alpha", B: "beta", C: "gamma" });
  text = Buffer.from(bytes).toString();
});

function set(file: Uint8Array | string, name: string, value: string | Uint8Array, allowEmpty: string[] = []) {
  const options = { allowEmpty: new Set(allowEmpty) };
  return setSecret(Buffer.from(file as string), keys.identities, name, Buffer.from(value as string), LATER, options);
}

/** Lines of the one that are not in the other. */
function changedLines(before: string, after: Uint8Array): string[] {
  const known = new Set(before.split("\n"));
  return Buffer.from(after)
    .toString()
    .split("\n")
    .filter((line) => !known.has(line))
    .map((line) => line.split("=")[0]!);
}

describe("a new bundle", () => {
  test("is laid out as sops lays it out", () => {
    expect(text.split("\n").map((line) => line.split("=")[0])).toEqual([
      ...["A", "B", "C", "sops_age__list_0__map_enc", "sops_age__list_0__map_recipient", "sops_lastmodified"],
      ...["sops_mac", "sops_unencrypted_suffix", "sops_version", ""],
    ]);
    expect(lineOf(text, "sops_lastmodified")).toBe("sops_lastmodified=2026-05-22T20:15:29Z");
    expect(lineOf(text, "sops_unencrypted_suffix")).toBe("sops_unencrypted_suffix=_unencrypted");
    expect(lineOf(text, "sops_version")).toBe("sops_version=3.13.1");
    expect(lineOf(text, "sops_age__list_0__map_enc")).toMatch(
      /^[^=]+=-----BEGIN AGE ENCRYPTED FILE-----\\n.*FILE-----\\n$/,
    );
  });

  test("leaves an empty value empty, as sops does", async () => {
    const file = Buffer.from(await bundleOf(keys, { A: "" })).toString();
    expect(lineOf(file, "A")).toBe("A=");
  });

  test.each([
    ["no recipient", [], "A", "usage"],
    ["a recipient that is none", ["age1hunter2"], "A", "key-malformed"],
    ["a reserved name", null, "sops_x", "value-unstorable"],
    ["a bad name", null, "A-B", "value-unstorable"],
    ["a name that stays in plaintext", null, "A_unencrypted", "value-unstorable"],
  ] as const)("%s is refused", async (_, recipients, name, code) => {
    expect(await codeOf(createBundle(recipients ?? [keys.recipient], [[name, Buffer.from("x")]], NOW))).toBe(code);
  });

  test("a name given twice is refused", async () => {
    const entries = [["A", Buffer.from("x")] as const, ["A", Buffer.from("y")] as const];
    expect(await codeOf(createBundle([keys.recipient], entries, NOW))).toBe("value-unstorable");
  });

  test("a secret key in place of a recipient is not repeated", async () => {
    const fault = await faultOf(createBundle([keys.identity], [], NOW));
    expect(said(fault)).not.toContain(keys.identity.slice(4, 20));
  });
});

describe("setting a secret", () => {
  test("changes its line, the time and the MAC; nothing else", async () => {
    const after = await set(bytes, "B", "changed");
    expect(changedLines(text, after)).toEqual(["B", "sops_lastmodified", "sops_mac"]);
    expect(textOf(await openText(after, keys))).toEqual({ A: "alpha", B: "changed", C: "gamma" });
  });

  test("appends a new name after the last data line", async () => {
    const after = Buffer.from(await set(bytes, "D", "delta")).toString();
    expect(after.split("\n")[3]).toMatch(/^D=ENC\[/);
    expect(changedLines(text, Buffer.from(after))).toEqual(["D", "sops_lastmodified", "sops_mac"]);
    expect(Object.keys(textOf(await openText(after, keys)))).toEqual(["A", "B", "C", "D"]);
  });

  test("into a bundle without data lines", async () => {
    const after = await set(await bundleOf(keys, {}), "A", "x");
    expect(textOf(await openText(after, keys))).toEqual({ A: "x" });
  });

  test("to what it is gives the same bytes", async () => {
    expect(Buffer.from(await set(bytes, "B", "beta")).equals(bytes)).toBe(true);
  });

  test("keeps comments, the rule, unknown metadata and the data key", async () => {
    const file = `#note\n${text}sops_x=y\n`;
    const after = await set(file, "B", "changed");
    expect(changedLines(file, after)).toEqual(["B", "sops_lastmodified", "sops_mac"]);
    const [before, now] = [await unseal(bytes, keys.identities), await unseal(after, keys.identities)];
    expect(now.dataKey.equals(before.dataKey)).toBe(true);
  });

  test("twice to the same value uses two IVs", async () => {
    const [a, b] = [await set(bytes, "B", "x"), await set(bytes, "B", "x")].map((file) => Buffer.from(file).toString());
    expect(lineOf(a!, "B")).not.toBe(lineOf(b!, "B"));
  });

  test("turns a number that sops stored as such into text", async () => {
    const flipped = text.replace(lineOf(text, "B"), () => lineOf(text, "B"));
    const { dataKey } = await unseal(bytes, keys.identities);
    const { encryptValue } = await import("../../src/bundle/value.ts");
    const { sealMac } = await import("../../src/bundle/mac.ts");
    const mac = sealMac(
      ["alpha", "7", "gamma"].map((value) => Buffer.from(value)),
      dataKey,
      "2026-05-22T20:15:29Z",
    );
    const file = flipped
      .replace(lineOf(text, "B"), () => `B=${encryptValue(Buffer.from("7"), dataKey, "B:", "float")}`)
      .replace(lineOf(text, "sops_mac"), () => `sops_mac=${mac}`);
    expect((await openText(file, keys)).warnings).toHaveLength(1);
    const after = await openText(await set(file, "B", "7"), keys);
    expect([textOf(after)["B"], after.warnings]).toEqual(["7", []]);
  });

  test("mends an unauthenticated empty value", async () => {
    const after = await set(`D=\n${text}`, "D", "delta");
    expect(textOf(await openText(after, keys))).toHaveProperty("D", "delta");
  });

  test("to nothing needs the name on the list of those that may be empty", async () => {
    expect(await codeOf(set(bytes, "B", ""))).toBe("bundle-empty-value");
    const after = await set(bytes, "B", "", ["B"]);
    expect(lineOf(Buffer.from(after).toString(), "B")).toBe("B=");
  });

  test.each([
    ["another empty value", "bundle-empty-value", (): string => `D=\n${text}`],
    ["a bundle that does not verify", "bundle-mac", (): string => text.replace(/^A=.*\n/m, "")],
    ["a plain file", "bundle-not-encrypted", (): string => "A=b\n"],
  ] as const)("is refused with %s", async (_, code, file) => {
    expect(await codeOf(set(file(), "B", "x"))).toBe(code);
  });

  test.each([
    ["a PEM key", "-----BEGIN PRIVATE KEY-----\nMIIB/+==\n-----END PRIVATE KEY-----\n"],
    ["CRLF inside", "a\r\nb\r\n"],
    ["blanks around", "  a\t"],
    ["what Compose would read otherwise", "a #b $C \"d' e"],
    ["a quote that does not close", '"abc'],
    ["quotes that are not a pair", `"a" "b"`],
    ["ENC text", "ENC[AES256_GCM,data:x]"],
    ["backslashes", "C:\\dir\\"],
    ["a backslash before a line break", "a\\\nb"],
    ["a number", "1234567"],
    ["a line feed", "\n"],
    ["=", "=="],
    ["not only ASCII", "pässwörd 🔑"],
  ])("stores and delivers %s as it is, in both readings", async (_, value) => {
    const after = await set(bytes, "B", value);
    expect(textOf(await openText(after, keys))["B"]).toBe(value);
    expect(textOf(await openText(after, keys, { ...STRICT, dotenv: "raw" }))["B"]).toBe(value);
  });

  test.each([
    ["a backslash-n", "hunter2\\nx", /backslash-n/, /JSON/],
    ["double quotes around", `"hunter2"`, /quotes/, /JSON/],
    ["single quotes around", `'hunter2'`, /quotes/, /JSON/],
    ["a NUL", "hunter2\0", /NUL/, /base64/],
    ["what is not UTF-8", Buffer.from("hunter2\xff", "latin1"), /UTF-8/, /base64/],
    ["a trailing carriage return", "hunter2\r", /carriage return/, /Windows/],
  ])("refuses %s, which dotenv cannot hold", async (_, value, message, hint) => {
    const fault = await faultOf(set(bytes, "B", value));
    expect(fault.code).toBe("value-unstorable");
    expect(fault.message).toMatch(message);
    expect(fault.hint).toMatch(hint);
    expect(said(fault)).not.toContain("hunter2");
  });

  test.each(["sops_x", "", "A B", "A=B", "1A", "LD_PRELOAD", "B_unencrypted", "Ä"])(
    "refuses the name %j",
    async (name) => {
      expect(await codeOf(set(bytes, name, "x"))).toBe("value-unstorable");
    },
  );

  test("any value that it takes is delivered byte for byte", async () => {
    const unit = fc.constantFrom(...Array.from("ab\\n\n\"'$# =\t\r{}é🔑"));
    await fc.assert(
      fc.asyncProperty(fc.string({ unit, minLength: 1, maxLength: 12 }), async (value) => {
        const after = await set(bytes, "B", value).catch(() => null);
        if (after === null) return;
        expect(textOf(await openText(after, keys))).toEqual({ A: "alpha", B: value, C: "gamma" });
      }),
      { numRuns: 60 },
    );
  });
});

describe("rewrapping", () => {
  test("keeps every value and changes every line; the old key no longer opens it", async () => {
    const other = await newKeys();
    const after = await rewrap(bytes, keys.identities, [other.recipient], LATER);
    expect(textOf(await openText(after, other))).toEqual({ A: "alpha", B: "beta", C: "gamma" });
    expect(changedLines(text, after)).toEqual(expect.arrayContaining(["A", "B", "C", "sops_mac"]));
    expect(await codeOf(openText(after, keys))).toBe("key-no-match");
    const [old, now] = [await unseal(bytes, keys.identities), await unseal(after, other.identities)];
    expect(now.dataKey.equals(old.dataKey)).toBe(false);
  });

  test("keeps comments and the rule", async () => {
    const file = `#note\n${text}`.replace(lineOf(text, "sops_unencrypted_suffix"), "sops_encrypted_regex=^[ABC]$");
    const after = Buffer.from(await rewrap(Buffer.from(file), keys.identities, [keys.recipient], LATER)).toString();
    expect(after).toMatch(/^#note\n/);
    expect(lineOf(after, "sops_encrypted_regex")).toBe("sops_encrypted_regex=^[ABC]$");
    expect(textOf(await openText(after, keys))).toHaveProperty("A", "alpha");
  });

  test("takes nothing from a bundle that does not verify", async () => {
    const forged = Buffer.from(text.replace(/^A=.*\n/m, ""));
    expect(await codeOf(rewrap(forged, keys.identities, [keys.recipient], LATER))).toBe("bundle-mac");
  });
});
