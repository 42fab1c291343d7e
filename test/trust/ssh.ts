/** The real ssh-keygen, and signatures of security tokens that nobody has here, made from their parts. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armor, signedData } from "../../src/trust/signature.ts";
import { number, string, uint32 } from "../../src/ssh-wire.ts";

export interface TestKey {
  readonly kind: string;
  /** TYPE BASE64, as in a line of allowed_signers. */
  readonly publicKey: string;
  readonly sign: (message: Uint8Array, namespace: string) => Buffer;
}

/** A directory for the files that ssh-keygen wants. */
export function workbench(): { readonly dir: string; readonly remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), "sidecrypt-ssh-"));
  return {
    dir,
    remove: () => {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

let made = 0;

/** Type, bits and format as ssh-keygen takes them, e.g. ["ecdsa", "384", "PEM"]. */
export function keygen(dir: string, [type = "", bits, format]: readonly string[]): TestKey & { file: string } {
  const file = join(dir, `key${++made}`);
  const size = bits === undefined ? [] : ["-b", bits, ...(format === undefined ? [] : ["-m", format])];
  execFileSync("ssh-keygen", ["-q", "-t", type, ...size, "-N", "", "-C", "a comment", "-f", file]);
  const [kind = "", base64 = ""] = readFileSync(`${file}.pub`, "utf8").split(" ");
  return {
    file,
    kind: `${type}${bits ?? ""}`,
    publicKey: `${kind} ${base64}`,
    sign: (message, namespace) =>
      execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-n", namespace, "-f", file], {
        input: message,
        stdio: ["pipe", "pipe", "ignore"],
      }),
  };
}

/** A key in a security token, as PROTOCOL.u2f of OpenSSH has it. */
export function tokenKey(kind: "sk-ssh-ed25519" | "sk-ecdsa-sha2-nistp256", application = "ssh:"): TestKey {
  const type = `${kind}@openssh.com`;
  const isEcdsa = kind === "sk-ecdsa-sha2-nistp256";
  const pair = isEcdsa ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  const blob = tokenBlob(type, pair.publicKey, application);
  return {
    kind,
    publicKey: `${type} ${blob.toString("base64")}`,
    sign: (message, namespace) => {
      const seen = Buffer.concat([Buffer.of(1), uint32(randomBytes(4).readUInt32BE())]);
      const data = Buffer.concat([sha256(application), seen, sha256(signedData(namespace, "sha512", message))]);
      const raw = isEcdsa
        ? ecdsaParts(sign("sha256", data, { key: pair.privateKey, dsaEncoding: "ieee-p1363" }))
        : sign(null, data, pair.privateKey);
      return Buffer.from(armor(blob, namespace, "sha512", Buffer.concat([string(type), string(raw), seen])));
    },
  };
}

function tokenBlob(type: string, publicKey: KeyObject, application: string): Buffer {
  const { x = "", y } = publicKey.export({ format: "jwk" });
  const at = (part: string): Buffer => Buffer.from(part, "base64url");
  const point =
    y === undefined ? [string(at(x))] : [string("nistp256"), string(Buffer.concat([Buffer.of(4), at(x), at(y)]))];
  return Buffer.concat([string(type), ...point, string(application)]);
}

function ecdsaParts(raw: Buffer): Buffer {
  return Buffer.concat([number(raw.subarray(0, 32)), number(raw.subarray(32))]);
}

function sha256(text: Uint8Array | string): Buffer {
  return createHash("sha256").update(text).digest();
}

export interface Question {
  readonly signers: string;
  readonly principal: string;
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  /** Milliseconds. */
  readonly now: number;
}

/** What `ssh-keygen -Y verify` says. */
export function opensshVerifies(dir: string, { signers, principal, signature, message, now }: Question): boolean {
  const [allowed, sig] = [join(dir, "allowed_signers"), join(dir, "message.sig")];
  writeFileSync(allowed, signers);
  writeFileSync(sig, signature);
  const time = `${new Date(now).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  const args = ["-Y", "verify", "-n", "sidecrypt", "-f", allowed, "-I", principal, "-s", sig, `-Overify-time=${time}`];
  // From a file: it reads none of a pipe where the signature is none.
  const text = join(dir, "message");
  writeFileSync(text, message);
  const input = openSync(text, "r");
  try {
    const { status, error } = spawnSync("ssh-keygen", args, { stdio: [input, "ignore", "ignore"] });
    if (error !== undefined) throw error;
    return status === 0;
  } finally {
    closeSync(input);
  }
}
