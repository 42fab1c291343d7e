/** Honest files that the real sops makes of a plaintext, one for each feature and format: shared with docs/SECOND-OPINION.md. */
export type Kind = "dotenv" | "json" | "yaml" | "binary" | "ini";

/** Who reads the file, and whom it is for: one of its recipients where that is everybody, two of two where it takes both. */
export type Owner = "x25519" | "post-quantum" | "ssh-ed25519" | "ssh-rsa" | "everybody" | "both";

export interface Honest {
  readonly what: string;
  readonly kind: Kind;
  readonly plain: string | Buffer;
  /** What the author meant: names, paths of keys joined by `_`, and text. */
  readonly values: Readonly<Record<string, string | Buffer>>;
  readonly flags?: readonly string[];
  readonly owner?: Owner;
  /** Of `.sops.yaml`; `$ONE` and `$TWO` are recipients. */
  readonly rule?: string;
}

type Plain = readonly [kind: Kind, plain: string | Buffer, values: Honest["values"]];

function feature(what: string, plains: readonly Plain[], how: Partial<Honest> = {}): Honest[] {
  return plains.map(([kind, plain, values]) => ({ what, kind, plain, values, ...how }));
}

const A = { A: "alpha", B: "beta" };
const LINES = "A=alpha\nB=beta\n";
const JSON_TEXT = '{"A": "alpha", "B": "beta"}\n';
const YAML_TEXT = "A: alpha\nB: beta\n";
const TEXTS: readonly Plain[] = [
  ["dotenv", LINES, A],
  ["json", JSON_TEXT, A],
  ["yaml", YAML_TEXT, A],
  ["binary", LINES, A],
];
const NOT_TEXT = Buffer.from("A=\xff\xfe\x80\n", "latin1");
const RULED = { A_KEY: "alpha", B: "beta" };
const BYTES = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff]);
const ruledBy = (flag: string, pattern: string): Honest[] =>
  feature(
    `\`${flag}\``,
    [
      ["dotenv", "A_KEY=alpha\nB=beta\n", RULED],
      ["json", '{"A_KEY": "alpha", "B": "beta"}\n', RULED],
      ["yaml", "A_KEY: alpha\nB: beta\n", RULED],
    ],
    { flags: [`--${flag.replace("_", "-")}`, pattern] },
  );

export const HONEST: readonly Honest[] = [
  ...feature("text", [...TEXTS, ["ini", "[s]\nA = alpha\nB = beta\n", { s_A: "alpha", s_B: "beta" }]]),
  ...feature("text beyond ASCII", [
    ["dotenv", "A=pässwörd 🔑\n", { A: "pässwörd 🔑" }],
    ["json", '{"A": "pässwörd 🔑"}\n', { A: "pässwörd 🔑" }],
    ["yaml", "A: pässwörd 🔑\n", { A: "pässwörd 🔑" }],
    ["binary", "A=pässwörd 🔑\n", { A: "pässwörd 🔑" }],
  ]),
  ...feature("bytes that are no UTF-8", [
    ["dotenv", NOT_TEXT, { A: NOT_TEXT.subarray(2, 5) }],
    ["binary", BYTES, { data: BYTES }],
  ]),
  ...feature("a line feed", [
    ["dotenv", "A=one\\ntwo\n", { A: "one\ntwo" }],
    ["json", '{"A": "one\\ntwo"}\n', { A: "one\ntwo" }],
    ["yaml", "A: |-\n    one\n    two\n", { A: "one\ntwo" }],
  ]),
  ...feature("a value in quotes, which Compose takes off", [
    ["dotenv", 'A="al pha"\n', { A: "al pha" }],
    ["binary", 'A="al pha"\n', { A: "al pha" }],
  ]),
  ...feature("comments", [
    ["dotenv", `# note\n${LINES}`, A],
    ["yaml", `# note\n${YAML_TEXT}`, A],
  ]),
  ...feature("a comment in a list", [
    ["yaml", "L:\n    # note\n    - alpha\n    - beta\n", { L_0: "alpha", L_1: "beta" }],
  ]),
  ...feature("a map in a map", [
    ["json", '{"db": {"user": "alpha", "password": "beta"}}\n', { db_user: "alpha", db_password: "beta" }],
    ["yaml", "db:\n    user: alpha\n    password: beta\n", { db_user: "alpha", db_password: "beta" }],
  ]),
  ...feature("a list", [
    ["json", '{"L": ["alpha", "beta"]}\n', { L_0: "alpha", L_1: "beta" }],
    ["yaml", "L:\n    - alpha\n    - beta\n", { L_0: "alpha", L_1: "beta" }],
  ]),
  ...feature("a list of one", [
    ["json", '{"L": ["alpha"]}\n', { L_0: "alpha" }],
    ["yaml", "L:\n    - alpha\n", { L_0: "alpha" }],
  ]),
  ...feature("an empty value", [
    ["dotenv", "A=alpha\nE=\n", { A: "alpha", E: "" }],
    ["json", '{"A": "alpha", "E": ""}\n', { A: "alpha", E: "" }],
    ["yaml", 'A: alpha\nE: ""\n', { A: "alpha", E: "" }],
    ["binary", "A=alpha\nE=\n", { A: "alpha", E: "" }],
  ]),
  ...feature("null", [
    ["json", '{"A": "alpha", "E": null}\n', { A: "alpha", E: "null" }],
    ["yaml", "A: alpha\nE: null\n", { A: "alpha", E: "null" }],
  ]),
  ...feature("an integer", [
    ["json", '{"N": 5432}\n', { N: "5432" }],
    ["yaml", "N: 5432\n", { N: "5432" }],
  ]),
  ...feature("an integer beyond 2^53", [
    ["json", '{"N": 9007199254740993}\n', { N: "9007199254740993" }],
    ["yaml", "N: 9007199254740993\n", { N: "9007199254740993" }],
  ]),
  ...feature("a number with a fraction", [
    ["json", '{"N": 0.25}\n', { N: "0.25" }],
    ["yaml", "N: 0.25\n", { N: "0.25" }],
  ]),
  ...feature("a number with an exponent", [
    ["json", '{"N": 1e21}\n', { N: "1e21" }],
    ["yaml", "N: 1e21\n", { N: "1e21" }],
  ]),
  ...feature("true and false", [
    ["json", '{"T": true, "F": false}\n', { T: "true", F: "false" }],
    ["yaml", "T: true\nF: false\n", { T: "true", F: "false" }],
  ]),
  ...feature("a number with a leading zero", [["yaml", "N: 0777\n", { N: "0777" }]]),
  ...feature("a time", [["yaml", "N: 2026-01-01T00:00:00Z\n", { N: "2026-01-01T00:00:00Z" }]]),
  ...feature("an anchor and its alias", [["yaml", "A: &a alpha\nB: *a\n", { A: "alpha", B: "alpha" }]]),
  ...feature("two documents", [["yaml", "A: alpha\n---\nB: beta\n", A]]),
  ...feature("the same name twice", [["dotenv", "A=alpha\nA=beta\n", { A: "beta" }]]),
  ...feature("line ends of Windows", [["dotenv", "A=alpha\r\nB=beta\r\n", A]]),
  ...feature("`unencrypted_suffix`", [
    ["dotenv", "A=alpha\nB_unencrypted=beta\n", { A: "alpha", B_unencrypted: "beta" }],
    ["json", '{"A": "alpha", "B_unencrypted": "beta"}\n', { A: "alpha", B_unencrypted: "beta" }],
    ["yaml", "A: alpha\nB_unencrypted: beta\n", { A: "alpha", B_unencrypted: "beta" }],
  ]),
  ...ruledBy("encrypted_suffix", "_KEY"),
  ...ruledBy("encrypted_regex", "KEY$"),
  ...ruledBy("unencrypted_regex", "^B$"),
  ...feature("`encrypted_comment_regex`", [["yaml", "# secret\nA: alpha\nB: beta\n", A]], {
    rule: "{ age: $ONE, encrypted_comment_regex: secret }",
  }),
  ...feature("`mac_only_encrypted`", TEXTS, { rule: "{ age: $ONE, mac_only_encrypted: true }" }),
  ...feature("several recipients", TEXTS, { owner: "everybody" }),
  ...feature("a post-quantum recipient", TEXTS, { owner: "post-quantum" }),
  ...feature("an ssh-ed25519 recipient", TEXTS, { owner: "ssh-ed25519" }),
  ...feature("an ssh-rsa recipient", TEXTS, { owner: "ssh-rsa" }),
  ...feature("one key group", TEXTS, { rule: "key_groups: [{ age: [$ONE, $TWO] }]" }),
  ...feature("two key groups with a Shamir threshold", TEXTS, {
    owner: "both",
    rule: "{ shamir_threshold: 2, key_groups: [{ age: [$ONE] }, { age: [$TWO] }] }",
  }),
];
