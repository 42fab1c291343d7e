/** JSON, YAML and binary, against the real sops and against what they must refuse. SIDECRYPT_SEED=… repeats a run. */
import { writeSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  decryptPlain,
  editPlain,
  encryptPlain,
  rewrap,
  setSecret,
  unsetSecret,
  withRecipients,
  type Format,
} from "../../src/bundle/index.ts";
import { findSops, Sops } from "./sops.ts";
import { codeOf, faultOf, LATER, newKeys, NOW, openText, said, STRICT, textOf, type Keys } from "./support.ts";
import { delivered, treeOf } from "./trees.ts";

const binary = findSops();
const seed = Number(process.env["SIDECRYPT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Files of each format; each holds many values, since a process of sops costs 30 ms. */
const FILES = 2;
const VALUES_EACH = 60;
const ENOUGH_TIME = 60_000;
const MISSING = "the differential test of the formats did not run: no sops";
if (binary === null && process.env["CI"] === "true") test("there is a real sops in CI", () => expect.fail(MISSING));
else if (binary === null) writeSync(2, `${MISSING}\n`);

let keys: Keys;
beforeAll(async () => {
  keys = await newKeys();
});

function encrypt(plain: string | Uint8Array, format: Format, allowEmpty: string[] = []): Promise<Uint8Array> {
  const options = { recipients: [keys.recipient], rule: null, now: NOW, allowEmpty: new Set(allowEmpty) };
  return encryptPlain(Buffer.from(plain as string), format, options);
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function set(file: Uint8Array, name: string, value: string): Promise<Uint8Array> {
  return setSecret(file, keys.identities, name, Buffer.from(value), LATER, STRICT);
}

function edit(file: Uint8Array, plain: string): Promise<Uint8Array> {
  return editPlain(file, keys.identities, Buffer.from(plain), LATER, STRICT);
}

/** Lines of the one that are not in the other. */
function changed(before: Uint8Array, after: Uint8Array): string[] {
  const known = new Set(text(before).split("\n"));
  const lines = text(after)
    .split("\n")
    .filter((line) => !known.has(line));
  return lines.map((line) => /[\w-]+/.exec(line)?.[0] ?? line);
}

const trees = fc.sample(
  treeOf({ minKeys: VALUES_EACH / 2, maxKeys: VALUES_EACH }).filter((tree) => delivered(tree) !== null),
  { seed, numRuns: FILES },
);

describe.skipIf(binary === null)(`with the real sops, seed ${seed}`, () => {
  let sops: Sops;
  beforeAll(() => {
    sops = new Sops(binary ?? "", `${keys.identity}\n`);
  });
  afterAll(() => {
    sops.close();
  });

  const typed = (format: string): string[] => ["--input-type", format, "--output-type", format];
  async function theirs(file: Uint8Array, format: string): Promise<Record<string, unknown>> {
    const { stdout } = await sops.on(file, "decrypt", "--input-type", format, "--output-type", "json", "FILE");
    return JSON.parse(stdout.toString()) as Record<string, unknown>;
  }

  describe.each(["json", "yaml"] as const)("%s", (format) => {
    test("we read what it encrypts, and write it so that it reads the same", { timeout: ENOUGH_TIME }, async () => {
      for (const tree of trees) {
        const plain = JSON.stringify(tree);
        const { stdout } = await sops.on(
          plain,
          ...["encrypt", "--age", keys.recipient, "--input-type", "json", "--output-type", format, "FILE"],
        );
        expect(textOf(await openText(stdout, keys))).toEqual(delivered(tree));
        const decrypted = await decryptPlain(stdout, keys.identities);
        expect(decrypted.format).toBe(format);
        const again = await encrypt(decrypted.bytes, format);
        expect(await theirs(again, format)).toEqual(tree);
        const next = await set(stdout, "zz9", 'a"b\n c: #');
        expect(await theirs(next, format)).toEqual({ ...tree, zz9: 'a"b\n c: #' });
        expect(await theirs(await rewrap(next, keys.identities, [keys.recipient], LATER), format)).toHaveProperty(
          "zz9",
        );
        expect(changed(stdout, next)).toEqual(["zz9", "lastmodified", "mac"]);
      }
    });

    test("each changes the other's file", { timeout: ENOUGH_TIME }, async () => {
      const plain = format === "json" ? '{"a": "x", "b": {"c": "y"}}' : "a: x # one\n# two\nb:\n    c: y\n";
      const ours = await encrypt(plain, format);
      const flags = ["set", ...typed(format), "FILE", '["b"]["c"]', '"z"'];
      const { file } = await sops.on(ours, ...flags);
      expect(textOf(await openText(file, keys))).toEqual({ a: "x", b_c: "z" });
      const back = await unsetSecret(await set(file, "a", "w"), keys.identities, "b_c", LATER, STRICT);
      expect(await theirs(back, format)).toEqual({ a: "w" });
    });
  });

  test("comments of YAML: it decrypts ours, we decrypt its own", { timeout: ENOUGH_TIME }, async () => {
    const plain =
      "# head\na: x # beside\nb:\n    # inside\n    c: w\n    d:\n        - p\n        # element\n        - q\n# foot\n";
    const ours = await encrypt(plain, "yaml");
    expect(text(ours)).not.toMatch(/head|beside|inside|element|foot/);
    const { stdout } = await sops.on(ours, "decrypt", ...typed("yaml"), "FILE");
    for (const comment of ["head", "beside", "inside", "element", "foot"]) expect(stdout.toString()).toContain(comment);
    const { stdout: its } = await sops.on(plain, "encrypt", "--age", keys.recipient, ...typed("yaml"), "FILE");
    expect(text((await decryptPlain(its, keys.identities)).bytes)).toBe(plain);
  });

  test("yaml: a line break of YAML 1.1 in plaintext, which sops indents after", { timeout: ENOUGH_TIME }, async () => {
    const flags = ["--age", keys.recipient, "--unencrypted-suffix", "_pub", ...typed("yaml")];
    for (const text of ["a\u2028b", "\u2028\u2029 it's", "x \u2028", "a\nb\u2028c"]) {
      const plain = `b: y\na_pub: ${JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029")}\n`;
      const opened = openText((await sops.on(plain, "encrypt", ...flags, "FILE")).stdout, keys);
      if (text.includes("\n")) expect(await codeOf(opened)).toBe("bundle-malformed");
      else expect(textOf(await opened)["a_pub"]).toBe(text);
    }
  });

  test("YAML whose keys do not start in the first column: it decrypts ours", { timeout: ENOUGH_TIME }, async () => {
    const ours = await set(await encrypt("  a: x\n  m:\n     b: y\n", "yaml"), "new", "z");
    expect(await theirs(ours, "yaml")).toEqual({ a: "x", m: { b: "y" }, new: "z" });
  });

  /** What decrypts ours agrees on the MAC, and so on what each number in plaintext is. */
  test("numbers in YAML's plaintext are to it what they are to us", { timeout: ENOUGH_TIME }, async () => {
    const numbers = ["0", "-0", "-0.0", "0.0", "-0.0e5", "7", "-7", "1.0", "1.50", "-1.5e3", "9007199254740991"];
    for (const number of numbers) {
      const ours = await encrypt(`a: x\nn_unencrypted: ${number}\n`, "yaml");
      expect(await theirs(ours, "yaml").catch(() => null), number).toHaveProperty("n_unencrypted");
      const { stdout } = await sops.on(
        `n: ${number}\n`,
        ...["encrypt", "--age", keys.recipient, ...typed("yaml"), "FILE"],
      );
      const wanted = textOf(await openText(stdout, keys));
      expect(textOf(await openText(await encrypt(`n: ${number}\n`, "yaml"), keys)), number).toEqual(wanted);
    }
  });

  test("what it takes for a number in another notation is refused", async () => {
    const odd = ["+0", "0x0", "-0x0", "0o7", "-0o7", "0b1", "-00", "1_0", "+7", ".5", "-0."];
    for (const number of [...odd, "9223372036854775808"]) {
      expect(await codeOf(encrypt(`n: ${number}\n`, "yaml")), number).toBe("bundle-malformed");
    }
  });

  test("binary: any bytes, both ways", { timeout: ENOUGH_TIME }, async () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index));
    const ours = await encrypt(bytes, "binary");
    const { stdout } = await sops.on(ours, "decrypt", ...typed("binary"), "FILE");
    expect(stdout.equals(bytes)).toBe(true);
    const { stdout: its } = await sops.on(bytes, "encrypt", "--age", keys.recipient, ...typed("binary"), "FILE");
    expect(await decryptPlain(its, keys.identities)).toEqual({ format: "binary", bytes: Uint8Array.from(bytes) });
    expect(Buffer.from((await openText(its, keys)).secrets.get("data")!).equals(bytes)).toBe(true);
  });

  test("a dotenv file in a binary one is opened and changed", { timeout: ENOUGH_TIME }, async () => {
    const args = ["encrypt", "--age", keys.recipient, ...typed("binary"), "FILE"];
    const { stdout } = await sops.on('# note\nA="x"\nEMPTY=\nB=y\n', ...args);
    expect(textOf(await openText(stdout, keys))).toEqual({ A: "x", EMPTY: "", B: "y" });
    const after = await unsetSecret(await set(stdout, "B", "z"), keys.identities, "EMPTY", LATER, STRICT);
    const { stdout: read } = await sops.on(after, "decrypt", ...typed("binary"), "FILE");
    expect(read.toString()).toBe('# note\nA="x"\nB=z\n');
  });
});

describe("a change keeps every other byte", () => {
  const PLAIN = {
    json: '{\n  "a": "x",\n  "list": ["p", "q"],\n  "b": {"c": "y", "n": 9007199254740993}\n}\n',
    yaml: '# note\na:   x\n\nlist: [p, q]\nb:\n  c: "y"   # beside\n  key: |\n      one\n      two\n',
  } as const;

  test.each(["json", "yaml"] as const)("of a file in %s", async (format) => {
    const file = await encrypt(PLAIN[format], format);
    expect(text((await decryptPlain(file, keys.identities)).bytes)).toBe(PLAIN[format]);
    expect(changed(file, await set(file, "a", "z"))).toEqual(["a", "lastmodified", "mac"]);
    expect(Buffer.from(await set(file, "a", "x")).equals(file)).toBe(true);
    const edited = await edit(file, PLAIN[format].replace("x", "z"));
    expect(changed(file, edited)).toEqual(["a", "lastmodified", "mac"]);
    expect(Buffer.from(await edit(file, PLAIN[format])).equals(file)).toBe(true);
    const other = await newKeys();
    const shared = await withRecipients(file, keys.identities, [keys.recipient, other.recipient]);
    expect(textOf(await openText(shared, other))).toMatchObject({ a: "x", list_1: "q", b_c: "y" });
    expect(text(shared)).toContain(/.*mac.*/.exec(text(file))?.[0]);
  });

  test("of a file in YAML whose keys do not start in the first column", async () => {
    const plain = "# note\n  a: x\n  m:\n     b: w\n";
    const file = await encrypt(plain, "yaml");
    expect(text(file)).toContain("\n  sops:\n      age:\n");
    expect(text((await decryptPlain(file, keys.identities)).bytes)).toBe(plain);
    expect(textOf(await openText(await set(file, "new", "z\nz"), keys))).toEqual({ a: "x", m_b: "w", new: "z\nz" });
    expect(changed(file, await edit(file, plain.replace("x", "z")))).toEqual(["a", "lastmodified", "mac"]);
    const shared = await withRecipients(file, keys.identities, [(await newKeys()).recipient, keys.recipient]);
    expect(textOf(await openText(shared, keys))).toEqual({ a: "x", m_b: "w" });
    const straight = await edit(file, plain.replaceAll(/^ {2}/gm, ""));
    expect(text(straight)).toContain("\nsops:\n    age:\n");
    expect(textOf(await openText(straight, keys))).toEqual({ a: "x", m_b: "w" });
  });

  test("integers beyond 2^53 stay exact", async () => {
    const file = await encrypt(PLAIN.json, "json");
    expect(textOf(await openText(file, keys))).toHaveProperty("b_n", "9007199254740993");
  });

  test.each(["json", "yaml"] as const)(
    "%s: a new value that the rule would leave in plaintext is refused",
    async (format) => {
      const file = await encrypt(PLAIN[format], format);
      expect(await codeOf(set(file, "new_unencrypted", "x"))).toBe("value-unstorable");
      const line = format === "json" ? '{"new_unencrypted": "x"}' : "new_unencrypted: x\n";
      expect(await codeOf(edit(file, line))).toBe("value-unstorable");
    },
  );

  test.each(["json", "yaml"] as const)("%s: a value in the place of a map or a list is refused", async (format) => {
    const plain = format === "json" ? '{"m": {"b": "x"}, "l": ["x", "y"]}' : "m:\n  b: x\nl: [x, y]\n";
    const file = await encrypt(plain, format);
    expect(await faultOf(set(file, "m", "z"))).toMatchObject({
      code: "value-unstorable",
      message: "m is a map or a list in the bundle",
      hint: expect.stringContaining("(m_b)") as string,
    });
    expect((await faultOf(set(file, "l", "z"))).hint).toContain("(l_0)");
  });

  test.each(["a\\nb", '"quoted"', "a\r", "\ttab", "ends in blanks  ", "- x", "line\n\n\nlines\n\n"])(
    "%j, which dotenv may not hold, is stored as it is",
    async (value) => {
      for (const format of ["json", "yaml"] as const) {
        const file = await set(await encrypt(PLAIN[format], format), "a", value);
        expect(textOf(await openText(file, keys))["a"]).toBe(value);
        const again = await encrypt((await decryptPlain(file, keys.identities)).bytes, format);
        expect(textOf(await openText(again, keys))["a"]).toBe(value);
      }
    },
  );
});

describe("what has no one reading is refused", () => {
  test.each<[what: string, format: "json" | "yaml", plain: string, code: string]>([
    ["a key twice", "json", '{"a": "hunter2", "a": "y"}', "bundle-malformed"],
    ["a key twice", "yaml", "a: hunter2\na: y\n", "bundle-malformed"],
    ["a key twice in a map", "yaml", "m:\n  a: hunter2\n  a: y\n", "bundle-malformed"],
    ["two paths to one name", "json", '{"a_b": "hunter2", "a": {"b": "y"}}', "bundle-malformed"],
    ["a key with a dash", "yaml", "a-b: hunter2\n", "bundle-malformed"],
    ["a list at the top", "json", '["hunter2"]', "bundle-malformed"],
    ["text after the end", "json", '{"a": "hunter2"} x', "bundle-malformed"],
    ["a comma too many", "json", '{"a": "hunter2",}', "bundle-malformed"],
    ["a lone surrogate", "json", '{"a": "\\ud800hunter2"}', "bundle-malformed"],
    ["a number that is none", "json", '{"a": 01, "b": "hunter2"}', "bundle-malformed"],
    ["an integer that sops cannot hold", "json", '{"a": 99999999999999999999}', "bundle-malformed"],
    ["deep nesting", "json", `${'{"a":'.repeat(40)}"hunter2"${"}".repeat(40)}`, "bundle-malformed"],
    ["deep nesting", "yaml", `a: ${"[".repeat(40)}hunter2${"]".repeat(40)}\n`, "bundle-malformed"],
    ["a list of one", "json", '{"a": ["hunter2"]}', "bundle-unsupported"],
    ["a list of maps", "yaml", "a:\n  - b: hunter2\n  - b: y\n", "bundle-unsupported"],
    ["a list of lists", "json", '{"a": [["hunter2"], ["y"]]}', "bundle-unsupported"],
    ["an empty element", "json", '{"a": ["hunter2", null, "y"]}', "bundle-malformed"],
    ["an anchor", "yaml", "a: &x hunter2\nb: *x\n", "bundle-malformed"],
    ["a merge key", "yaml", "a: {b: hunter2}\n<<: {c: y}\n", "bundle-malformed"],
    ["a tag", "yaml", "a: !!str hunter2\n", "bundle-malformed"],
    ["two documents", "yaml", "a: hunter2\n---\nb: y\n", "bundle-malformed"],
    ["an octal number", "yaml", "a: 0777\nb: hunter2\n", "bundle-malformed"],
    ["a time", "yaml", "a: 2026-01-01\nb: hunter2\n", "bundle-malformed"],
    ["a tab for indentation", "yaml", "a:\n\tb: hunter2\n", "bundle-malformed"],
    ["nothing but braces", "yaml", "{a: hunter2}\n", "bundle-malformed"],
    ["a key without a value between braces", "yaml", "a: {b, c: hunter2}\n", "bundle-malformed"],
    ["a loader variable on a path", "yaml", "LD:\n  PRELOAD: hunter2\n", "value-unstorable"],
    ["what is encrypted already", "json", '{"a": "hunter2", "sops": {}}', "value-unstorable"],
  ])("%s, %s", async (_, format, plain, code) => {
    const fault = await faultOf(encrypt(plain, format));
    expect(fault.code).toBe(code);
    expect(said(fault)).not.toContain("hunter2");
  });

  test("two paths to one name are both named", async () => {
    const fault = await faultOf(encrypt('{"a_b": "x", "a": {"b": "y"}}', "json"));
    expect(fault.message).toContain("a_b, line 1; a.b, line 1");
  });

  test("INI, by name", async () => {
    expect(await codeOf(encrypt("a = x\n", "ini"))).toBe("bundle-format");
    expect(await faultOf(openText("a = x\n\n[sops]\nmac = y\n", keys))).toMatchObject({
      code: "bundle-format",
      hint: expect.stringContaining("sops decrypt") as string,
    });
  });
});

describe("no single changed byte is accepted with another set of values", () => {
  test.each(["json", "yaml", "binary"] as const)("%s", { timeout: ENOUGH_TIME }, async (format) => {
    const plain = {
      json: '{"A": "canary-one", "m": {"B": "canary-two"}}',
      yaml: "A: canary-one\nm:\n    B: canary-two\n",
      binary: "A=canary-one\nB=canary-two\n",
    };
    const file = Buffer.from(await encrypt(plain[format], format));
    const wanted = textOf(await openText(file, keys));
    // Every byte, one bit of each; the seed says which.
    const bits = fc.sample(fc.integer({ min: 0, max: 7 }), { seed, numRuns: file.length });
    let accepted = 0;
    for (const [at, bit] of bits.entries()) {
      const flipped = Buffer.from(file);
      flipped.writeUInt8(file.readUInt8(at) ^ (1 << bit), at);
      const result = await openText(flipped, keys).catch((error: unknown) => error as Error);
      if (result instanceof Error) {
        expect(result.name, `byte ${at}, bit ${bit}, seed ${seed}`).toBe("SidecryptError");
        expect(said(result)).not.toMatch(/canary|AGE-SECRET|ENC\[AES/);
      } else {
        expect(textOf(result), `byte ${at}, bit ${bit}, seed ${seed}`).toEqual(wanted);
        accepted += 1;
      }
    }
    // the recipient's label, the version, the rule, blanks
    expect(accepted).toBeLessThan(130);
  });
});
