/** sops-age as a second opinion: it reads an honest bundle as we do, and shows why it opens none here. */
import { decryptSops } from "sops-age";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleOf, codeOf, lineOf, newKeys, openText, RAW, textOf, type Keys } from "./support.ts";

let keys: Keys;
let text: string;
const values = { USER: "alice", PASSWORD: "p@ss word", PEM: "l1\nl2" };
beforeAll(async () => {
  keys = await newKeys();
  text = Buffer.from(await bundleOf(keys, values)).toString();
});

async function theirs(file: string): Promise<Record<string, string>> {
  return (await decryptSops(file, { secretKey: keys.identity, fileType: "env" })) as Record<string, string>;
}

test("an honest bundle reads the same", async () => {
  expect(await theirs(text)).toMatchObject(values);
  expect(textOf(await openText(text, keys, RAW))).toEqual(values);
});

describe("it takes what we refuse", () => {
  test.each([
    ["a MAC of garbage", () => text.replace(lineOf(text, "sops_mac"), "sops_mac=x"), "bundle-mac", values],
    ["a key removed", () => text.replace(/^USER=.*\n/m, ""), "bundle-mac", { PASSWORD: values.PASSWORD }],
    [
      "plaintext for ciphertext",
      () => text.replace(lineOf(text, "PASSWORD"), "PASSWORD=forged"),
      "bundle-forged",
      { PASSWORD: "forged" },
    ],
    ["an empty duplicate", () => `${text}PASSWORD=\n`, "bundle-malformed", { PASSWORD: "" }],
  ] as const)("%s", async (_, forge, code, read) => {
    expect(await theirs(forge())).toMatchObject(read);
    expect(await codeOf(openText(forge(), keys))).toBe(code);
  });
});
