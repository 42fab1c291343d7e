/**
 * Signatures by a key file: a plain key in OpenSSH's format signs here, in the image as well; whatever else ssh-keygen
 * can do (a passphrase, an agent that holds the key of a .pub file, a security token) is left to it.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { SidecryptError, systemCode } from "../errors.ts";
import { parseSigningKey } from "../trust/index.ts";
import { NAMESPACE } from "../trust/signature.ts";

/** @throws SidecryptError `key-unreadable`, `key-malformed` */
export async function createSignature(keyFile: string, message: Uint8Array): Promise<Uint8Array> {
  const key = parseSigningKey(await readKey(keyFile));
  return key === null ? bySshKeygen(keyFile, message) : Buffer.from(key.sign(message));
}

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch (thrown) {
    throw new SidecryptError("key-unreadable", `${path} cannot be read: ${systemCode(thrown) ?? "unknown error"}`);
  }
}

/** It asks for passphrase and touch on the terminal itself. */
async function bySshKeygen(keyFile: string, message: Uint8Array): Promise<Uint8Array> {
  const child = spawn("ssh-keygen", ["-q", "-Y", "sign", "-n", NAMESPACE, "-f", keyFile], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  // It may end before it has read everything; its exit status says so.
  child.stdin.on("error", () => undefined);
  child.stdin.end(message);
  const status = await new Promise<number | string | null>((done) => {
    child.on("error", (error) => {
      done(systemCode(error) ?? "unknown error");
    });
    child.on("close", done);
  });
  if (status === 0) return Buffer.concat(chunks);
  if (typeof status === "string") {
    throw new SidecryptError(
      "key-malformed",
      `${keyFile} is no plain key in OpenSSH's format, and ssh-keygen, which could do more, does not start: ${status}`,
      "install openssh-client, or sign where it is: ssh-keygen -Y sign -n sidecrypt -f KEYFILE BUNDLE",
    );
  }
  throw new SidecryptError(
    "key-malformed",
    `ssh-keygen did not sign with ${keyFile} (exit status ${status ?? "none"})`,
  );
}
