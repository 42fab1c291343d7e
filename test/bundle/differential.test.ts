/** Against the real sops, both ways, on random bundles. SIDECRYPT_SEED=… repeats a run. */
import { writeSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createBundle, rewrap, setSecret } from "../../src/bundle/index.ts";
import { codeOf, LATER, newKeys, NOW, openText, RAW, STRICT, textOf, type Keys } from "./support.ts";
import { findSops, Sops } from "./sops.ts";
import { NAME } from "./trees.ts";

const binary = findSops();
const seed = Number(process.env["SIDECRYPT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const ROUNDS = { seed, numRuns: 12 };
const ENOUGH_TIME = 60_000;

const MISSING = "the differential test did not run: no sops (SIDECRYPT_SOPS, PATH, ~/.cache/sidecrypt/bin/sops)";
if (binary === null && process.env["CI"] === "true") test("there is a real sops in CI", () => expect.fail(MISSING));
else if (binary === null) writeSync(2, `${MISSING}\n`);

/** What dotenv and JSON both hold: no NUL, no lone surrogate, no backslash-n. */
const value = fc
  .string({
    unit: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(..."aZ0\\\"'$#= :\t[]%".split("")) },
      fc.constantFrom("\n", "\r", "é", "🔑"),
    ),
  })
  .filter((text) => text !== "" && !text.includes("\\n"));
const bundle = fc.uniqueArray(fc.tuple(NAME, value), { minLength: 1, maxLength: 6, selector: ([key]) => key });

describe.skipIf(binary === null)(`with the real sops, seed ${seed}`, () => {
  let keys: Keys;
  let sops: Sops;
  beforeAll(async () => {
    keys = await newKeys();
    sops = new Sops(binary ?? "", `${keys.identity}\n`);
  });
  afterAll(() => {
    sops.close();
  });

  function ours(entries: readonly (readonly [string, string])[]): Promise<Uint8Array> {
    return createBundle(
      [keys.recipient],
      entries.map(([key, text]) => [key, Buffer.from(text)]),
      NOW,
    );
  }

  test("we read what it encrypts", { timeout: ENOUGH_TIME }, async () => {
    await fc.assert(
      fc.asyncProperty(bundle, async (entries) => {
        const file = await sops.encrypt(`# note\n#\n${plain(entries)}`, [keys.recipient]);
        expect(textOf(await openText(file, keys, RAW))).toEqual(Object.fromEntries(entries));
      }),
      ROUNDS,
    );
  });

  test("it reads what we create, and set, and rewrap", { timeout: ENOUGH_TIME }, async () => {
    await fc.assert(
      fc.asyncProperty(bundle, value, async (entries, text) => {
        const wanted = Object.fromEntries(entries);
        const created = await ours(entries);
        expect(await sops.values(created)).toEqual(wanted);
        const set = await setSecret(created, keys.identities, "Z9", Buffer.from(text), LATER, STRICT).catch(() => null);
        if (set !== null) expect(await sops.values(set)).toEqual({ ...wanted, Z9: text });
        const rewrapped = await rewrap(set ?? created, keys.identities, [keys.recipient], LATER);
        expect(await sops.values(rewrapped)).toMatchObject(wanted);
      }),
      ROUNDS,
    );
  });

  test(
    "each sets in the other's file, and the lines that did not change stay byte for byte",
    { timeout: ENOUGH_TIME },
    async () => {
      await fc.assert(
        fc.asyncProperty(bundle, value, async (entries, text) => {
          const [changed] = entries[0]!;
          const created = await ours(entries);
          const theirs = await sops.set(created, changed, `${text}!`);
          expect(differing(created, theirs)).toEqual([changed, "sops_lastmodified", "sops_mac"]);
          const wanted = { ...Object.fromEntries(entries), [changed]: `${text}!` };
          expect(textOf(await openText(theirs, keys, RAW))).toEqual(wanted);
          const next = await setSecret(theirs, keys.identities, "Z9", Buffer.from("last"), LATER, STRICT);
          expect(await sops.values(next)).toEqual({ ...wanted, Z9: "last" });
          expect(differing(theirs, next)).toEqual(["Z9", "sops_lastmodified", "sops_mac"]);
          // it finds nothing to change in our file, not even the order of its lines
          const again = await sops.set(Buffer.from(next), "Z9", "last");
          expect(differing(next, again).filter((key) => !key.startsWith("sops_"))).toEqual([]);
        }),
        ROUNDS,
      );
    },
  );

  test("rules: what it leaves in plaintext we leave, and the other way round", { timeout: ENOUGH_TIME }, async () => {
    for (const rule of [
      ["--encrypted-regex", "^(?:SECRET|[A-C]{2,3}_KEY)$"],
      ["--encrypted-regex", "(?i)key|^secret\\d*$"],
      ["--unencrypted-regex", "^PORT|_(PUBLIC|URL)$"],
      ["--encrypted-suffix", "_KEY"],
      ["--unencrypted-suffix", "_PUBLIC"],
    ]) {
      const plaintext = ["SECRET", "AB_KEY", "ABCD_KEY", "secret1", "PORT", "X_PUBLIC", "MY_KEY", "A_URL"].map(
        (key) => `${key}=v\n`,
      );
      const file = await sops.encrypt(plaintext.join(""), [keys.recipient], ...rule);
      const inPlain = [...file.toString().matchAll(/^(\w+)=v$/gm)].map((match) => match[1]);
      const opened = await openText(file, keys);
      expect(opened.warnings.map((warning) => warning.subject)).toEqual(inPlain);
      expect(opened.secrets.size).toBe(8);
    }
  });

  test("numbers and booleans: we deliver the text that the MAC covers", { timeout: ENOUGH_TIME }, async () => {
    let file: Uint8Array = await ours([["A", "x"]]);
    for (const [key, number] of Object.entries({ N: 1234567, F: 0.1, G: 1e21, S: 1.5e-9, M: -42, T: true, U: false })) {
      file = await sops.set(file, key, number);
    }
    const opened = await openText(file, keys);
    const [G, S] = ["1000000000000000000000", "0.0000000015"];
    expect(textOf(opened)).toEqual({ A: "x", N: "1234567", F: "0.1", G, S, M: "-42", T: "True", U: "False" });
    expect(opened.warnings).toHaveLength(7);
  });

  test("what `sops set null` leaves is refused", { timeout: ENOUGH_TIME }, async () => {
    expect(await codeOf(openText(await sops.set(await ours([["A", "x"]]), "A", null), keys))).toBe("bundle-forged");
  });

  test("rotated and edited files open", { timeout: ENOUGH_TIME }, async () => {
    const stranger = await newKeys();
    const { file } = await sops.on(await ours([["A", "x"]]), "rotate", "-i", "--add-age", stranger.recipient, "FILE");
    expect(textOf(await openText(file, stranger))).toEqual({ A: "x" });
    const unset = (
      await sops.on(
        await ours([
          ["A", "x"],
          ["B", "y"],
        ]),
        "unset",
        "FILE",
        '["A"]',
      )
    ).file;
    expect(textOf(await openText(unset, keys))).toEqual({ B: "y" });
  });
});

function plain(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([key, text]) => `${key}=${text.replaceAll("\n", "\\n")}\n`).join("");
}

function differing(before: Uint8Array, after: Uint8Array): string[] {
  const known = new Set(Buffer.from(before).toString().split("\n"));
  return Buffer.from(after)
    .toString()
    .split("\n")
    .filter((line) => !known.has(line))
    .map((line) => line.split("=")[0]!);
}
