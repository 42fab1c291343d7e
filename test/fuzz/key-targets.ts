/** Targets that read keys, signatures and who may sign. */
import { decryptKeyFile, isEncryptedKeyFile, parseIdentities, readIdentities } from "../../src/bundle/index.ts";
import { parseSshPrivateKey, parseSshRecipient, sshRecipientText } from "../../src/bundle/ssh-key.ts";
import { matchesList } from "../../src/trust/pattern.ts";
import { parseRecipients, parseRules as parsePinnedRules } from "../../src/trust/pins.ts";
import { parseSigningKey } from "../../src/trust/private-key.ts";
import { parsePublicKey } from "../../src/trust/public-key.ts";
import { parseSignature, signsMessage } from "../../src/trust/signature.ts";
import { parseSigners, parseTime } from "../../src/trust/signers.ts";
import { Broken, text, vector, type Target } from "./target.ts";

const KEYS = vector("not-a-secret.test-keys.txt").toString();
const [recipient = ""] = (await parseIdentities(KEYS, "test-keys")).recipients;
const SSH_KEY = vector("not-a-secret.ssh-key.txt");
const [SSH_PUBLIC = ""] = (await readIdentities(null, { path: "id", text: SSH_KEY.toString() })).recipients;

export const KEY_TARGETS: readonly Target[] = [
  {
    name: "identities",
    covers: ["bundle/identities.ts#parseIdentities", "bundle/identities.ts#readIdentities"],
    seeds: [KEYS, `# a\r\n${KEYS.split("\n")[1] ?? ""}\r\n`],
    words: ["AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1", "AGE-PLUGIN-", "age1"],
    run: async (input) => {
      const found = await parseIdentities(text(input), "k");
      if (found.recipients.length === 0) throw new Broken("identities without a key");
    },
  },
  {
    name: "ssh-key",
    covers: ["bundle/ssh-key.ts#parseSshPrivateKey"],
    seeds: [SSH_KEY, "-----BEGIN RSA PRIVATE KEY-----\n", "ssh-ed25519 AAAA"],
    words: ["-----BEGIN OPENSSH PRIVATE KEY-----\n", "b3BlbnNzaC1rZXktdjEA"],
    run: (input) => readIdentities(null, { path: "id", text: text(input) }),
  },
  {
    name: "ssh-wire",
    covers: ["bundle/ssh-key.ts#parseSshPrivateKey"],
    seeds: [Buffer.from(SSH_KEY.toString().split("\n").slice(1, -2).join(""), "base64")],
    words: ["\0\0\0\x0bssh-ed25519", "\0\0\0\x07ssh-rsa", "\0\0\0\x04none", "\xff\xff\xff\xff", "\0\0\0\0"],
    run: (input) => {
      const body = input.toString("base64");
      return parseSshPrivateKey(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`,
        "id",
      );
    },
  },
  {
    name: "ssh-recipient",
    covers: ["bundle/ssh-key.ts#parseSshRecipient"],
    seeds: [SSH_PUBLIC],
    words: ["ssh-rsa ", "ssh-ed25519 ", "AAAAB3NzaC1yc2EAAAADAQAB"],
    run: (input) => {
      const key = parseSshRecipient(text(input));
      if (key !== null && !text(input).startsWith(sshRecipientText(key))) throw new Broken("another key was read");
    },
  },
  {
    name: "signature",
    covers: ["trust/signature.ts#parseSignature"],
    seeds: [vector("the-message.sig")],
    words: ["-----BEGIN SSH SIGNATURE-----\n", "U1NIU0lH"],
    run: (input) => {
      const parsed = parseSignature(input);
      if ("fault" in parsed) return;
      if (signsMessage(parsed, Buffer.from("another message"))) throw new Broken("a forged signature was accepted");
      signsMessage(parsed, Buffer.from("the message"));
    },
  },
  {
    name: "signing-key",
    covers: ["trust/private-key.ts#parseSigningKey"],
    seeds: [SSH_KEY],
    words: ["-----BEGIN OPENSSH PRIVATE KEY-----\n", "b3BlbnNzaC1rZXktdjEA"],
    run: (input) => parseSigningKey(text(input)),
  },
  {
    name: "public-key",
    covers: ["trust/public-key.ts#parsePublicKey"],
    seeds: [Buffer.from(SSH_PUBLIC.split(" ")[1] ?? "", "base64")],
    words: [
      "\0\0\0\x0bssh-ed25519",
      "\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256",
      "\0\0\0\x07ssh-rsa",
      "\xff\xff\xff\xff",
    ],
    run: (input) => {
      const key = parsePublicKey(input);
      if (!("fault" in key) && key.verifies(Buffer.alloc(83), input))
        throw new Broken("a signature of zeros was accepted");
    },
  },
  {
    name: "signers",
    covers: ["trust/signers.ts#parseSigners", "trust/signers.ts#parseTime"],
    seeds: [`# us\na@b,*@c namespaces="sidecrypt",valid-after="20260101" ${SSH_PUBLIC} note\n`],
    words: ["namespaces=", 'valid-before="2026', "cert-authority", "*a*a*a*a*a*a*b", "!", "?"],
    run: (input) => {
      for (const { principals, namespaces } of parseSigners(text(input), "signers")) {
        matchesList("a".repeat(200), principals);
        matchesList("sidecrypt", namespaces ?? "");
      }
      parseTime(text(input));
    },
  },
  {
    name: "pins",
    covers: ["trust/pins.ts#parseRecipients", "trust/pins.ts#parseRules"],
    seeds: [
      `${recipient}\n`,
      `prod: ${recipient}; ${SSH_PUBLIC}`,
      "prod: unencrypted_suffix=_plain\nencrypted_regex=^A",
    ],
    words: [":", "age1", "ssh-rsa AAAA", "encrypted_suffix="],
    run: (input) => {
      parseRecipients(text(input));
      parsePinnedRules(text(input));
    },
  },
  {
    name: "passphrase",
    covers: [],
    seeds: [
      `age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 1\n${"A".repeat(43)}\n--- ${"A".repeat(43)}\n${"x".repeat(40)}`,
    ],
    // Each step doubles the work: what is allowed at most takes seconds.
    words: ["-> scrypt ", "-> X25519 AAAA\n", "---"],
    run: (input) => {
      isEncryptedKeyFile(input);
      if (/scrypt \S+ (?:1[2-9]|20)\n/.test(input.toString("latin1"))) return null;
      return decryptKeyFile(input, Buffer.from("x"), "k");
    },
  },
];
