/** Files made to keep a reader busy, by somebody without a key. Read in the square of their size, each takes minutes. */
import { armor } from "age-encryption";
import { describe, expect, test } from "vitest";
import { recoverDataKey } from "../../src/bundle/datakey.ts";
import type { Identities } from "../../src/bundle/index.ts";
import { MAX_SHOWN_FIELDS } from "../../src/bundle/limits.ts";
import { describeMetadata } from "../../src/bundle/open.ts";
import { readBundle, readPlain } from "../../src/bundle/stores.ts";
import { firstAfter } from "../../src/bundle/yaml.ts";
import { codeOf } from "./support.ts";

const KNOWN = { lastmodified: "2026-05-22T20:15:29Z", mac: "x", version: "3.13.1" };
const NAMES = Array.from({ length: 49_000 }, (_, index) => `x${index}`);
const LONG = "y".repeat(300);
const HUGE = "z".repeat(4_000_000);

const read = (text: string) => describeMetadata(readBundle(Buffer.from(text)));

function dotenvOf(name: (plain: string) => string): string {
  const known = Object.entries(KNOWN).map(([field, text]) => `sops_${field}=${text}\n`);
  return `A=x\n${NAMES.map((plain) => `sops_${name(plain)}=${LONG}\n`).join("")}${known.join("")}`;
}

function jsonOf(metadata: unknown): string {
  return JSON.stringify({ A: "x", sops: metadata }, null, "\t");
}

describe("unknown metadata fields are counted, not placed one by one", () => {
  test.each([
    ["dotenv", () => dotenvOf((name) => name)],
    ["dotenv, of odd bytes", () => dotenvOf((name) => `\u001b${name}`)],
    ["json", () => jsonOf({ ...Object.fromEntries(NAMES.map((name) => [name, LONG])), ...KNOWN })],
  ])("%s", (_, text) => {
    const { warnings } = read(text());
    expect(warnings).toHaveLength(MAX_SHOWN_FIELDS + 1);
    expect(warnings.at(-1)?.subject).toBe(`${NAMES.length - MAX_SHOWN_FIELDS} more fields`);
  });
});

describe("YAML", () => {
  test("the place of a comment is looked for by halves", () => {
    let looks = 0;
    const places = NAMES.map((_, index) => ({
      get start(): number {
        looks += 1;
        return index * 10;
      },
    }));
    expect([-1, 0, 9, 123_456, 489_990].map((offset) => firstAfter(places, offset))).toEqual([
      ...[0, 1, 1, 12_346, NAMES.length],
    ]);
    expect(looks).toBeLessThan(100);
  });

  test("a comment gets the path of what stands around it, wherever that is", () => {
    const keys = Array.from({ length: 2_000 }, (_, index) => `m${index}:\n    # ${index}\n    a: x\n    b: [y, z]\n`);
    const { comments } = readPlain(Buffer.from(keys.join("")), "yaml");
    expect(comments.map(({ paths }) => paths[0])).toEqual(keys.map((_, index) => [`m${index}`]));
  });

  test("thousands of entries on one line", () => {
    const entries = NAMES.slice(0, 9_000).map((name) => `${name}: v`);
    const { leaves } = readPlain(Buffer.from(`m: {a: '${HUGE}', ${entries.join(", ")}}\n`), "yaml");
    expect(leaves).toHaveLength(9_001);
  });

  test("thousands of elements between brackets that look like comments", () => {
    const items = NAMES.slice(0, 20_000).map(() => '"ENC[AES256_GCM,,type:comment]"');
    const { document } = readBundle(Buffer.from(`a: x\nsops:\n  a: '${HUGE}'\n  b: [${items.join(", ")}]\n`));
    expect(document.comments).toEqual([]);
  });
});

describe("one long key above thousands", () => {
  const below = Object.fromEntries(NAMES.slice(0, 9_000).map((name) => [name, "v"]));
  const key = "k".repeat(200_000);

  test("is refused in the metadata", async () => {
    const text = jsonOf({ [key]: below, ...KNOWN });
    expect(await codeOf(Promise.resolve().then(() => read(text)))).toBe("bundle-forged");
  });

  test("is refused in the data", () => {
    const plain = Buffer.from(JSON.stringify({ a: { [key]: below } }));
    expect(() => readPlain(plain, "json")).toThrow("line 1: the name is longer than 255 characters");
  });
});

test("a data key of thousands of stanzas is no data key: each would cost a curve operation", async () => {
  let tries = 0;
  const identities = { recipients: [], decrypt: () => Promise.resolve((tries += 1)) } as unknown as Identities;
  const entry = (bytes: number) => ({ recipient: "age1x", enc: armor.encode(new Uint8Array(bytes)) });
  const metadata = { age: [entry(1_000_000)], otherServices: [] } as unknown as ReturnType<typeof read>;
  expect(await codeOf(recoverDataKey(metadata, identities))).toBe("key-no-match");
  expect(tries).toBe(0);
});
