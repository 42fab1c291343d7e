/** Which rule, recipients and names: against the real sops, on random rule files. SIDECRYPT_SEED=… repeats a run. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nameRuleOf, parseRules, recipientsOf, ruleFor } from "../../src/rules/index.ts";
import { newKeys } from "../bundle/support.ts";
import { findSops, Sops } from "../bundle/sops.ts";

const binary = findSops();
const seed = Number(process.env["SIDECRYPT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const NOT_HERE =
  "the differential test of rules did not run: no sops (SIDECRYPT_SOPS, PATH, ~/.cache/sidecrypt/bin/sops)";

test.runIf(process.env["CI"] === "true")("there is a real sops in CI", () => {
  expect(binary, NOT_HERE).not.toBeNull();
});

const pattern = fc.constantFrom(
  ...[
    "",
    "\\.env$",
    "^secrets/",
    "prod",
    "^prod\\.env$",
    "[^/]+/[^/]+\\.env",
    "(?i)PROD",
    "^/",
    "a{2,3}",
    "^secrets/.\\.env$",
    "x|y",
  ],
);
const path = fc.constantFrom(
  ...["prod.env", "secrets/prod.env", "secrets/a/b.env", "aa.env", "x.env", "q.env", "secrets/é.env", "../out.env"],
);
const nameRule = fc.constantFrom(
  ...["", "encrypted_regex: ^A", "unencrypted_regex: '^(B|C)'", "encrypted_suffix: _KEY", "unencrypted_suffix: _PUB"],
);

describe.skipIf(binary === null)(`with the real sops, seed ${seed}`, () => {
  let sops: Sops;
  let people: readonly string[];
  beforeAll(async () => {
    people = (await Promise.all([newKeys(), newKeys(), newKeys()])).map((keys) => keys.recipient);
    sops = new Sops(binary ?? "", "");
  });
  afterAll(() => {
    sops.close();
  });

  /** `$0` to `$2` stand for people. */
  const age = fc.constantFrom(
    ...[
      "age: $0",
      "age: ' $1, $0,'",
      "age: [$2, $0]",
      "age: ['$0,$1']",
      "age: *anchor",
      "age:",
      "pgp: ''\n    age: $1",
    ],
    ...["key_groups: [{ age: [$1, $1, $0] }]", "age: $2\n    key_groups: [{ merge: [{ age: [$0] }], age: [*anchor] }]"],
  );
  const rule = fc.tuple(pattern, age, nameRule).map(([regex, keys, names]) => {
    const lines = [regex === "" ? "" : `path_regex: '${regex}'`, keys, names].filter((line) => line !== "");
    return `  - ${lines.join("\n    ")}\n`;
  });

  async function theirs(yaml: string, file: string): Promise<Choice> {
    sops.writeConfig(yaml);
    try {
      const { stdout } = await sops.on("A=x\n", "encrypt", "--filename-override", file, "FILE");
      const text = stdout.toString();
      const recipients = [...text.matchAll(/^sops_age__list_\d+__map_recipient=(.*)$/gm)].map(([, one = ""]) => one);
      const [, field = "", value = ""] = /^sops_(\w*encrypted_\w+)=(.*)$/m.exec(text) ?? [];
      return { recipients: [...new Set(recipients)], names: `${field}: ${value}` };
    } catch {
      return null;
    }
  }

  function ours(yaml: string, file: string): Choice {
    const found = sops.configFile;
    try {
      const chosen = ruleFor(
        parseRules(yaml, found),
        new URL(file, `file://${found}`).pathname.replaceAll("%C3%A9", "é"),
      );
      if (chosen === null) return null;
      const { field, text } = nameRuleOf(chosen) ?? { field: "unencrypted_suffix", text: "_unencrypted" };
      return { recipients: recipientsOf(chosen), names: `${field}: ${text}` };
    } catch {
      return null;
    }
  }

  test("the same choice, or both refuse", { timeout: 60_000 }, async () => {
    let chosen = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 4 }), path, async (rules, file) => {
        const yaml = `keys: [&anchor $1]\ncreation_rules:\n${rules.join("")}`.replace(
          /\$(\d)/g,
          (_, index: string) => people[Number(index)] ?? "",
        );
        const choice = ours(yaml, file);
        expect(await theirs(yaml, file)).toEqual(choice);
        if (choice !== null) chosen += 1;
      }),
      { seed, numRuns: 40 },
    );
    expect(chosen).toBeGreaterThan(10);
  });
});

type Choice = { readonly recipients: readonly string[]; readonly names: string } | null;
