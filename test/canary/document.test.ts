/** A bundle is turned into canaries without any key: its names, its types, and nothing of its values. */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createBundle, generateIdentity, namesWithoutKey, open, parseIdentities } from "../../src/bundle/index.ts";
import { canaryBundle } from "../../src/canary/bundle.ts";
import { canaryDocument } from "../../src/canary/document.ts";

const zeros = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7);
const enc = (type: string, bytes = 9): string =>
  `ENC[AES256_GCM,data:${Buffer.alloc(bytes, 1).toString("base64")},iv:AAAA,tag:BBBB,type:${type}]`;
const CANARY = `canary${"07".repeat(16)}`;

describe("a document", () => {
  it("in dotenv keeps its names, its comments' places and what is not encrypted", () => {
    const text = `#${enc("comment")}\nA=${enc("str")}\nB=\nPLAIN_unencrypted=info\nsops_mac=${enc("str")}\nsops_version=3.13.1\n`;
    expect(canaryDocument(text, "dotenv", zeros)).toBe(`# canary\nA=${CANARY}\nB=\nPLAIN_unencrypted=info\n`);
  });

  it("in JSON keeps numbers numbers and switches switches", () => {
    const text = JSON.stringify({
      a: enc("str"),
      b: { c: enc("int"), d: [enc("bool"), enc("float")] },
      sops: { mac: enc("str") },
    });
    expect(JSON.parse(canaryDocument(text, "json", zeros))).toEqual({
      a: CANARY,
      b: { c: 777777777777777, d: [true, 0.777777777777777] },
    });
  });

  it("in YAML loses its metadata and nothing behind it", () => {
    const text = `a: ${enc("str")}\nb:\n    - ${enc("int")}\nsops:\n    mac: ${enc("str")}\n    age:\n        - enc: |\n            -----BEGIN\n    version: 3.13.1\n`;
    expect(canaryDocument(text, "yaml", zeros)).toBe(`a: ${CANARY}\nb:\n    - 777777777777777\n`);
  });

  it("has canaries as long as the values are, and never shorter than 128 bits", () => {
    const lengths = [1, 38, 300, 9000].map((bytes) => {
      const [, value = ""] = canaryDocument(`A=${enc("str", bytes)}\n`, "dotenv", zeros)
        .trim()
        .split("=");
      return value.length;
    });
    expect(lengths).toEqual([38, 38, 300, 4096]);
  });
});

it("the bundle opens with the canary's key alone, has the real one's names, and a different value for each", async () => {
  const [real, own] = [await generateIdentity(), await generateIdentity()];
  const values = ["first-value", "second-value", "third-value"].map((text) => Buffer.from(text));
  const entries = ["BOT1_API_KEY", "BOT1_SECRET", "REDIS_PASSWORD"].map(
    (name, at) => [name, values[at] ?? Buffer.of()] as const,
  );
  const bytes = await createBundle([real.recipient], entries, new Date());
  const options = {
    recipient: own.recipient,
    now: new Date(),
    allowEmpty: new Set<string>(),
    random: (n: number) => randomBytes(n),
  };
  const made = await canaryBundle(bytes, options);

  expect(namesWithoutKey(made)).toEqual(["BOT1_API_KEY", "BOT1_SECRET", "REDIS_PASSWORD"]);
  const bundle = { path: "x", bytes: made, digest: "" };
  const opening = { allowEmpty: new Set<string>(), dotenv: "compose" } as const;
  const { secrets } = await open(bundle, await parseIdentities(own.identity, "own"), opening);
  const canaries = [...secrets.values()].map((value) => Buffer.from(value).toString());
  expect(new Set(canaries).size).toBe(3);
  for (const canary of canaries) expect(canary).toMatch(/^canary[0-9a-f]{32}$/);
  await expect(open(bundle, await parseIdentities(real.identity, "real"), opening)).rejects.toThrow();
});
