/**
 * Agreement with the real `ssh-keygen -Y verify`: random keys, options, times and tampered bytes. Where the two are to
 * differ, sidecrypt is the stricter one, and the case says so.
 */
import { randomBytes, randomInt } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { SidecryptError } from "../../src/errors.ts";
import { parseSigners, requireSigner } from "../../src/trust/index.ts";
import { armor, NAMESPACE } from "../../src/trust/signature.ts";
import { keygen, opensshVerifies, type Question, type TestKey, tokenKey, workbench } from "./ssh.ts";

const { dir, remove } = workbench();
afterAll(remove);

const NOW = Date.UTC(2026, 4, 1, 12, 0, 0);
const DAY = 86_400_000;
const KEYS: readonly TestKey[] = [
  keygen(dir, ["ed25519"]),
  keygen(dir, ["ecdsa", "256"]),
  keygen(dir, ["ecdsa", "384"]),
  keygen(dir, ["ecdsa", "521"]),
  keygen(dir, ["rsa", "2048"]),
  tokenKey("sk-ssh-ed25519"),
  tokenKey("sk-ecdsa-sha2-nistp256"),
];

function verifies({ signers, principal, signature, message, now }: Question): boolean {
  try {
    const found = requireSigner({ path: "a.env", bytes: message, signature }, parseSigners(signers, "allowed"), now);
    expect(found.principals).toBe(principal);
    return true;
  } catch (thrown) {
    if (thrown instanceof SidecryptError) return false;
    throw thrown;
  }
}

function agreed(question: Question): boolean {
  const ours = verifies(question);
  expect(ours, JSON.stringify({ ...question, signature: Buffer.from(question.signature).toString() })).toBe(
    opensshVerifies(dir, question),
  );
  return ours;
}

/** Each key signs one message, once: ssh-keygen is a process. */
const signed = new Map<TestKey, Pick<Question, "message" | "signature">>();

function question(key: TestKey, more: Partial<Question> = {}): Question {
  const message = randomBytes(randomInt(500));
  const known = signed.get(key) ?? { message, signature: key.sign(message, NAMESPACE) };
  signed.set(key, known);
  return { signers: `alice ${key.publicKey}\n`, principal: "alice", now: NOW, ...known, ...more };
}

const stamp = (ms: number, digits: 8 | 12 | 14, zone: "" | "Z"): string =>
  `${new Date(ms).toISOString().replace(/\D/g, "").slice(0, digits)}${zone}`;

describe.each(KEYS.map((key) => [key.kind, key] as const))("%s", (_, key) => {
  test("an honest signature is one, and of nothing else", () => {
    const honest = question(key);
    expect(agreed(honest)).toBe(true);
    expect(agreed({ ...honest, message: Buffer.concat([honest.message, Buffer.of(0)]) })).toBe(false);
    expect(agreed({ ...honest, signers: `alice ${KEYS.find((one) => one !== key)!.publicKey}\n` })).toBe(false);
    expect(agreed({ ...honest, signature: key.sign(honest.message, "git") })).toBe(false);
  });

  test("one changed byte anywhere in a signature", () => {
    const honest = question(key);
    const blob = blobOf(honest.signature);
    for (let round = 0; round < 10; round++) {
      const tampered = Buffer.from(blob);
      const at = randomInt(tampered.length);
      tampered[at] = tampered[at]! ^ (1 << randomInt(8));
      // ssh-keygen takes version 0 too: below.
      if (tampered.readUInt32BE(6) === 0) continue;
      agreed({ ...honest, signature: rearmored(tampered) });
    }
    for (const cut of [blob.subarray(0, -1), Buffer.concat([blob, Buffer.of(0)])]) {
      expect(agreed({ ...honest, signature: rearmored(cut) })).toBe(false);
    }
  });
});

const blobOf = (signature: Uint8Array): Buffer => {
  const lines = Buffer.from(signature).toString().trim().split("\n");
  return Buffer.from(lines.slice(1, -1).join(""), "base64");
};

const rearmored = (blob: Uint8Array): Buffer => {
  const base64 = Buffer.from(blob)
    .toString("base64")
    .match(/.{1,70}/g)!;
  return Buffer.from(["-----BEGIN SSH SIGNATURE-----", ...base64, "-----END SSH SIGNATURE-----", ""].join("\n"));
};

test.each([
  ["", true],
  ['namespaces="sidecrypt"', true],
  ['namespaces="git,sidecrypt"', true],
  ['namespaces="git"', false],
  ['namespaces="side*"', true],
  ['namespaces="s?decrypt,!git"', true],
  ['namespaces="*,!sidecrypt"', false],
  ['namespaces="!sidecrypt,*"', false],
  ['namespaces=""', false],
  ['NAMESPACES="sidecrypt"', true],
  [`valid-after="${stamp(NOW, 14, "Z")}"`, true],
  [`valid-after="${stamp(NOW + 1000, 14, "Z")}"`, false],
  [`valid-before="${stamp(NOW, 14, "Z")}"`, true],
  [`valid-before="${stamp(NOW - 1000, 14, "Z")}"`, false],
  [`valid-after="${stamp(NOW - DAY, 8, "Z")}",valid-before="${stamp(NOW + DAY, 12, "Z")}"`, true],
  [`namespaces="sidecrypt",valid-before="${stamp(NOW + DAY, 8, "")}"`, true],
  [`valid-after="${stamp(NOW + DAY, 8, "Z")}",valid-before="${stamp(NOW - DAY, 8, "Z")}"`, false],
  ['valid-before="20991301Z"', false],
  ['valid-before="soon"', false],
  ["valid-before=20990101", false],
  ['namespaces="a",namespaces="b"', false],
  ['namespaces="sidecrypt", ', false],
  ["no-such-option", false],
  ['namespaces="sidecrypt', false],
])("a line with the options %s", (options, isAllowed) => {
  const [key] = KEYS;
  const signers = `# the team\n\nalice ${options} ${key!.publicKey} her laptop\n`;
  expect(agreed(question(key!, { signers }))).toBe(isAllowed);
});

test("random options and times", () => {
  for (let round = 0; round < 25; round++) {
    const key = KEYS[randomInt(KEYS.length)]!;
    const parts = [
      ["", 'namespaces="sidecrypt"', 'namespaces="git"', 'namespaces="*"'][randomInt(4)]!,
      randomInt(2) === 0
        ? ""
        : `valid-after="${stamp(NOW + (randomInt(5) - 3) * DAY, randomInt(2) === 0 ? 8 : 14, "Z")}"`,
      randomInt(2) === 0
        ? ""
        : `valid-before="${stamp(NOW + (randomInt(5) - 1) * DAY, randomInt(2) === 0 ? 12 : 14, "Z")}"`,
    ];
    const options = parts.filter((part) => part !== "").join();
    agreed(question(key, { signers: `alice ${options} ${key.publicKey}\n`, now: NOW + randomInt(3) * 1000 }));
  }
});

test("of several lines for one key, one that allows it is enough", () => {
  const [key, other] = KEYS;
  const signers = `alice valid-before="20200101Z" ${key!.publicKey}\nbob ${other!.publicKey}\nalice ${key!.publicKey}\n`;
  expect(agreed(question(key!, { signers }))).toBe(true);
});

test("a principal in quotes", () => {
  const [key] = KEYS;
  expect(agreed(question(key!, { signers: `"alice" ${key!.publicKey}\n` }))).toBe(true);
});

describe("stricter than ssh-keygen", () => {
  test("an RSA key of 1024 bits", () => {
    const asked = question(keygen(dir, ["rsa", "1024"]));
    expect([opensshVerifies(dir, asked), verifies(asked)]).toEqual([true, false]);
  });

  test("a signature of version 0", () => {
    const honest = question(KEYS[0]!);
    const blob = blobOf(honest.signature);
    blob.writeUInt32BE(0, 6);
    const asked = { ...honest, signature: rearmored(blob) };
    expect([opensshVerifies(dir, asked), verifies(asked)]).toEqual([true, false]);
  });

  test("text after the signature", () => {
    const honest = question(KEYS[0]!);
    const asked = { ...honest, signature: Buffer.concat([honest.signature, Buffer.from("and more\n")]) };
    expect([opensshVerifies(dir, asked), verifies(asked)]).toEqual([true, false]);
  });

  test("a line that does not parse, after one that allows", () => {
    const asked = question(KEYS[0]!, { signers: `alice ${KEYS[0]!.publicKey}\nbob nonsense\n` });
    expect([opensshVerifies(dir, asked), verifies(asked)]).toEqual([true, false]);
  });
});

test("bytes that are no signature are refused, whatever they are", () => {
  const [key] = KEYS;
  for (let round = 0; round < 300; round++) {
    const blob = Buffer.concat([Buffer.from("SSHSIG"), randomBytes(randomInt(80))]);
    const signature = [
      blob,
      rearmored(blob),
      Buffer.from(armor(randomBytes(randomInt(60)), NAMESPACE, "sha512", blob)),
    ][round % 3]!;
    expect(verifies(question(key!, { signature, message: blob }))).toBe(false);
  }
});
