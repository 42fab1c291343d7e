/** The test vectors of the age format (C2SP CCTV): each has the outcome that it says, through the ways that we open one. */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { armor } from "age-encryption";
import * as vectors from "cctv-age";
import { describe, expect, test } from "vitest";
import { decryptKeyFile, readIdentities } from "../../src/bundle/index.ts";
import { SidecryptError } from "../../src/errors.ts";

interface Vector {
  readonly expect: string;
  /** SHA-256 of the plaintext, hex. */
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly passphrase: string | undefined;
  readonly armored: boolean;
  readonly file: Buffer;
}

function parseVector(bytes: Uint8Array): Vector {
  const buffer = Buffer.from(bytes);
  const end = buffer.indexOf("\n\n");
  const fields = buffer
    .toString("latin1", 0, end)
    .split("\n")
    .map((line) => line.split(": ", 2) as [string, string]);
  const first = (name: string): string | undefined => fields.find(([field]) => field === name)?.[1];
  const body = buffer.subarray(end + 2);
  return {
    expect: first("expect") ?? "",
    payload: first("payload"),
    identities: fields.filter(([field]) => field === "identity").map(([, value]) => value),
    passphrase: first("passphrase"),
    armored: first("armored") === "yes",
    file: first("compressed") === "zlib" ? inflateSync(body) : body,
  };
}

/** Null: refused. */
async function decrypted({ identities, passphrase, armored, file }: Vector): Promise<Uint8Array | null> {
  if (passphrase !== undefined) {
    return decryptKeyFile(file, Buffer.from(passphrase), "a vector").catch((thrown: unknown) => {
      expect(thrown).toBeInstanceOf(SidecryptError);
      return null;
    });
  }
  const opener = await readIdentities({ path: "a vector", text: identities.join("\n") }, null);
  try {
    return await opener.decrypt(armored ? armor.decode(file.toString("latin1")) : file);
  } catch {
    // As recoverDataKey: what is no armor is no entry of ours.
    expect(armored).toBe(true);
    return null;
  }
}

const all = Object.entries(vectors).map(([name, bytes]) => [name, parseVector(bytes)] as const);

describe("CCTV age", () => {
  test("all of them are there", () => {
    expect(all).toHaveLength(143);
    expect(all.filter(([, vector]) => vector.expect === "success")).toHaveLength(26);
  });

  test.each(all)("%s", async (_, vector) => {
    const found =
      vector.identities.length + Number(vector.passphrase !== undefined) === 0 ? null : await decrypted(vector);
    const digest = found === null ? null : createHash("sha256").update(found).digest("hex");
    expect(digest).toBe(vector.expect === "success" ? vector.payload : null);
  });
});
