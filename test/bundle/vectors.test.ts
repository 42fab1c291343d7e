/** Every file in test/vectors: adding one, with its `.expected.json`, is adding a test. */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { parseIdentities, type Identities, type OpenOptions } from "../../src/bundle/index.ts";
import { open } from "../../src/bundle/index.ts";
import type { Opened } from "../../src/types.ts";
import type { Expected } from "../vectors/make.ts";
import { asBundle, faultOf, said } from "./support.ts";

const HERE = new URL("../vectors/", import.meta.url);
const files = readdirSync(HERE);
const names = files.filter((file) => file.endsWith(".enc.env")).map((file) => file.slice(0, -".enc.env".length));

let identities: Identities;
beforeAll(async () => {
  identities = await parseIdentities(read("not-a-secret.test-keys.txt").toString(), "not-a-secret.test-keys.txt");
});

test("every vector has its outcome, and every outcome its vector", () => {
  const outcomes = files.filter((file) => file.endsWith(".expected.json"));
  expect(outcomes).toEqual(names.map((name) => `${name}.expected.json`));
  expect(names.length).toBeGreaterThan(40);
});

test.each(names)("%s", async (name) => {
  const expected = JSON.parse(read(`${name}.expected.json`).toString()) as Expected;
  if (expected.expect === "success") await expectSuccess(name, expected);
  else {
    const fault = await faultOf(openVector(name, expected, "compose"));
    expect(fault.code).toBe(expected.expect);
    expect(said(fault)).not.toMatch(/hunter2|correct horse|AGE-SECRET|ENC\[AES/);
  }
});

async function expectSuccess(name: string, expected: Expected): Promise<void> {
  const [compose, raw] = [await openVector(name, expected, "compose"), await openVector(name, expected, "raw")];
  expect(base64(compose)).toEqual(expected.deliver);
  expect(base64(raw)).toEqual({ ...expected.sops, ...expected.raw });
  expect([...new Set(compose.warnings.map((warning) => warning.subject))]).toEqual(expected.warnings ?? []);
}

function openVector(name: string, expected: Expected, dotenv: OpenOptions["dotenv"]): Promise<Opened> {
  const allowEmpty = new Set(expected.allowEmpty);
  return open(asBundle(read(`${name}.enc.env`)), identities, { allowEmpty, dotenv });
}

function base64(opened: Opened): Record<string, string> {
  return Object.fromEntries([...opened.secrets].map(([name, value]) => [name, Buffer.from(value).toString("base64")]));
}

function read(file: string): Buffer {
  return readFileSync(new URL(file, HERE));
}
