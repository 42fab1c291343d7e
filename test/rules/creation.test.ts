import { describe, expect, it } from "vitest";
import { SidecryptError } from "../../src/errors.ts";
import { nameRuleOf, parseRules, recipientsOf, ruleFor } from "../../src/rules/index.ts";

const PATH = "/repo/.sops.yaml";

function ruleOf(yaml: string, file = "/repo/secrets/prod.env") {
  const rule = ruleFor(parseRules(yaml, PATH), file);
  return rule === null ? null : { recipients: recipientsOf(rule), names: nameRuleOf(rule) };
}

function errorOf(work: () => unknown): { code: string; message: string; hint: string | undefined } {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof SidecryptError) return { code: thrown.code, message: thrown.message, hint: thrown.hint };
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

describe("creation rules", () => {
  it("takes the first rule that matches", () => {
    const yaml = `
creation_rules:
  - path_regex: ^secrets/staging
    age: age1a
  - path_regex: \\.env$
    age: age1b
  - age: age1c
`;
    expect(ruleOf(yaml)?.recipients).toEqual(["age1b"]);
    expect(ruleOf(yaml, "/repo/secrets/staging.env")?.recipients).toEqual(["age1a"]);
    expect(ruleOf(yaml, "/repo/x.json")?.recipients).toEqual(["age1c"]);
    // outside of its directory the whole path counts
    expect(ruleOf(yaml, "/elsewhere/secrets/staging.json")?.recipients).toEqual(["age1c"]);
  });

  it.each([
    ["text", "age: age1a"],
    ["text with commas, blanks and a comma too many", "age: ' age1a , age1b,'"],
    ["a list", "age: [age1a, age1b]"],
    ["a list of texts with commas", "age: ['age1a,age1b']"],
    ["one key group", "key_groups: [{ age: [age1a, age1b] }]"],
    ["a key group that merges others", "key_groups: [{ merge: [{ age: [age1a] }, { age: [age1a] }], age: [age1b] }]"],
    ["a key group beside flat keys, which it replaces", "{ pgp: 0123, age: age1x, key_groups: [{ age: [age1a] }] }"],
  ])("reads recipients from %s", (_, rule) => {
    const recipients = ruleOf(`creation_rules:\n  - ${rule}\n`)?.recipients;
    expect(recipients).toEqual(rule.includes("age1b") ? ["age1a", "age1b"] : ["age1a"]);
  });

  it("follows anchors and merge keys, which people keep at the top under names of their own", () => {
    const yaml = `
keys:
  - &alice age1alice
defaults: &defaults { encrypted_regex: ^BOT, age: [*alice] }
creation_rules:
  - { <<: *defaults, path_regex: prod }
`;
    expect(ruleOf(yaml)).toEqual({ recipients: ["age1alice"], names: { field: "encrypted_regex", text: "^BOT" } });
  });

  it.each(["", "# nothing\n", "stores: {}\n", "creation_rules:\n"])("is as if it were not there: %j", (yaml) => {
    expect(ruleOf(yaml)).toBeNull();
  });
});

describe("what a rule file is refused for", () => {
  it.each([
    [
      "creation_rules:\n  - path_regx: prod\n    age: age1a\n",
      "creation rule 1: path_regx is not a field",
      "did you mean path_regex?",
    ],
    [
      "creation_rules:\n  - age: age1a\n  - key_groups: [{ agee: [x] }]\n",
      "creation rule 2, key group: agee is",
      "did you mean age?",
    ],
    ["creation-rules:\n  - age: age1a\n", "creation-rules is not a field", "did you mean creation_rules?"],
    ["creation_rules:\n  - age: age1a\n    wonderful: 1\n", "wonderful is not a field", "it knows path_regex"],
    ["creation_rules:\n  - age: [1]\n", "creation_rules 1, age must be text, or a list of texts", undefined],
    ["creation_rules:\n  age: age1a\n", "creation_rules must be a list of rules", undefined],
    ["creation_rules:\n  - age: age1a\n  - age: [\n", ".sops.yaml, line", undefined],
    [
      "creation_rules:\n  - age: age1a\n    age: age1b\n",
      "line 3: this is not YAML that sops reads (duplicate_key)",
      undefined,
    ],
    ["creation_rules:\n  - age: [*nobody]\n", "an alias (*name) in it has no anchor", undefined],
  ])("%j", (yaml, message, hint) => {
    const error = errorOf(() => ruleOf(yaml));
    expect(error.code).toBe("rules-invalid");
    expect(error.message).toContain(message);
    expect(error.message).toContain(PATH);
    expect(error.hint?.slice(0, hint?.length)).toBe(hint);
  });

  it.each([
    ["path_regex: staging", "no creation rule matches secrets/prod.env"],
    ["path_regex: '(?<=x)y'", "creation rule 1: path_regex is a pattern that sidecrypt does not read"],
    ["path_regex: prod", "creation rule 1 names no recipient"],
    ["pgp: 0123", "creation rule 1 uses pgp, which sidecrypt does not write"],
    ["{ age: age1a, kms: ['arn:aws:kms'] }", "uses kms"],
    ["key_groups: [{ age: [age1a] }, { age: [age1b] }]", "uses 2 key_groups (Shamir's secret sharing)"],
    ["key_groups: [{ age: [age1a], hc_vault: ['https://v'] }]", "uses hc_vault"],
    ["age: [age1a, '']", "an entry of age is empty"],
    ["{ age: age1a, mac_only_encrypted: true }", "uses mac_only_encrypted"],
    ["{ age: age1a, encrypted_comment_regex: x }", "uses encrypted_comment_regex"],
    [
      "{ age: age1a, encrypted_regex: x, encrypted_suffix: y }",
      "more than one rule on names: encrypted_suffix, encrypted_regex",
    ],
  ])("%s", (rule, message) => {
    const error = errorOf(() => ruleOf(`creation_rules:\n  - ${rule}\n`));
    expect(error.code).toBe("rules-invalid");
    expect(error.message).toContain(message);
  });
});
