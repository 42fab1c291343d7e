/**
 * docs/FORGERIES.md against what really happens: to us, to the real sops, to sops-age. `SIDECRYPT_WRITE=1` prints the
 * table that ought to stand there.
 */
import { decryptSops } from "sops-age";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASES, FORGERIES, KINDS, versions, type Forgery, type Kind, type Versions } from "./forgeries.ts";
import { rowsOf } from "./page.ts";
import { findSops, Sops } from "./sops.ts";
import { newKeys, openText, said, textOf, type Keys } from "./support.ts";

const binary = findSops();
const ROWS = rowsOf("FORGERIES.md", "edit");

let keys: Keys;
let sops: Sops | null = null;
const made = new Map<string, Versions>();
const found = (kind: Kind, { base = "four" }: Pick<Forgery, "base">): Versions => made.get(`${kind} ${base}`)!;
beforeAll(async () => {
  keys = await newKeys();
  if (binary !== null) sops = new Sops(binary, `${keys.identity}\n`);
  for (const base of BASES) {
    for (const kind of KINDS) made.set(`${kind} ${base}`, await versions(keys, kind, base));
  }
});
afterAll(() => sops?.close());

/** "refused", "same" or "changed": whether the values are those that the owner wrote. */
async function outcome(wanted: Versions["values"], read: () => Promise<Readonly<Record<string, unknown>>>) {
  const values = await read().catch(() => null);
  if (values === null) return "refused";
  const same = Object.entries(wanted).every(([name, value]) => values[name] === value);
  return same && Object.keys(values).length === Object.keys(wanted).length ? "same" : "changed";
}

/** Of the dotenv file in a binary one. */
function entriesIn(text: string): Record<string, string> {
  const entries = [...text.matchAll(/^(\w+)=(.*)$/gm)];
  return Object.fromEntries(entries.map(([, name = "", value = ""]) => [name, value]));
}

async function readBySops(kind: Kind, file: string): Promise<Record<string, unknown>> {
  const type = ["--input-type", kind, "--output-type", kind === "binary" ? kind : "json"];
  const { stdout } = await sops!.on(file, "decrypt", ...type, "FILE");
  if (kind === "binary") return entriesIn(stdout.toString());
  return JSON.parse(stdout.toString()) as Record<string, unknown>;
}

async function readBySopsAge(kind: Kind, file: string): Promise<Record<string, unknown>> {
  // It knows no binary files, and reads one as the JSON that it is.
  const fileType = kind === "dotenv" ? "env" : kind === "binary" ? "json" : kind;
  const read = (await decryptSops(file, { secretKey: keys.identity, fileType })) as Record<string, unknown>;
  const values = Object.entries(read).filter(([name]) => !name.startsWith("sops"));
  if (kind !== "binary") return Object.fromEntries(values);
  const within = values.map(([name, value]) => {
    return name === "data" && typeof value === "string" ? entriesIn(value) : { [name]: value };
  });
  return Object.assign({}, ...within) as Record<string, unknown>;
}

test("every forgery has its row in every format where it can be made, and no row is left over", () => {
  const wanted = FORGERIES.flatMap((forgery) =>
    KINDS.filter((kind) => forgery.forge(kind, found(kind, forgery)) !== null).map(
      (kind) => `${forgery.what}, ${kind}`,
    ),
  );
  expect(ROWS.map(([what, kind]) => `${what}, ${kind}`)).toEqual(wanted);
});

describe.each(FORGERIES)("$what", (forgery) => {
  const { what, forge, passes = false } = forgery;
  test.each(KINDS)("%s", { timeout: 30_000 }, async (kind) => {
    const before = found(kind, forgery);
    const forged = forge(kind, before);
    if (forged === null) return;
    expect(forged).not.toBe(before.text);
    const fault = await openText(forged, keys).then(
      () => null,
      (error: unknown) => error as Error,
    );
    if (fault !== null) expect(said(fault)).not.toMatch(/alice|-password|db-|forged|AGE-SECRET|ENC\[AES/);
    const ours = await outcome(before.values, async () => textOf(await openText(forged, keys)));
    expect(ours === "changed", "a changed value, only where it is known to be read").toBe(passes);
    const row = [
      sops === null ? null : await outcome(before.values, () => readBySops(kind, forged)),
      await outcome(before.values, () => readBySopsAge(kind, forged)),
      ours,
    ];
    if (process.env["SIDECRYPT_WRITE"] !== undefined) {
      process.stdout.write(`ROW | ${[what, kind, ...row].join(" | ")} |\n`);
      return;
    }
    const written = ROWS.find(([title, format]) => title === what && format === kind) ?? [];
    const expected = row.map((read, index) => read ?? written[index + 2]);
    expect(written.slice(2)).toEqual(expected);
  });
});

test.each(FORGERIES.filter(({ passes }) => passes === true))("$what: warnings name the values", async (forgery) => {
  const { warnings } = await openText(forgery.forge("yaml", found("yaml", forgery)) ?? "", keys);
  expect(warnings.map(({ subject }) => subject)).toEqual([
    "HOST_unencrypted",
    expect.stringMatching(/^(?:ZONE|SITE)_unencrypted$/),
  ]);
});

test.skipIf(binary === null)("what stands under `mac_only_encrypted` is an honest file to sops", async () => {
  for (const kind of ["dotenv", "json", "yaml"] as const) {
    const { text, values } = found(kind, { base: "mac-only" });
    expect(await outcome(values, () => readBySops(kind, text)), kind).toBe("same");
  }
});

test("in CI the real sops was asked", () => {
  if (process.env["CI"] === "true") expect(binary).not.toBeNull();
});
