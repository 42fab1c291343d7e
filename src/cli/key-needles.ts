/** What opens the bundle, to be searched for as its values are: shapes are searched for as well, but not in every encoding. */
import { readKeyTexts, type KeyPaths } from "../keys.ts";
import type { Needle } from "../search/index.ts";

/** Characters of a line of a PEM body that no other key has by chance. */
const TELLING = 20;

export async function keyNeedles(paths: KeyPaths): Promise<Needle[]> {
  const { key, ssh, passphrase } = await readKeyTexts(paths);
  const named = (name: string, values: readonly string[]): Needle[] =>
    values.map((value) => ({ name, value: Buffer.from(value) }));
  return [
    ...named("the age identity", identitiesIn(key)),
    ...named("the SSH key", privateLinesOf(ssh)),
    ...named("the passphrase", passphrase === "" ? [] : [passphrase]),
  ];
}

/** X25519 and post-quantum ones. */
const identitiesIn = (text: string): string[] =>
  text.split(/\r?\n/).flatMap((line) => (line.startsWith("AGE-SECRET-KEY-") ? [line.trim()] : []));

/**
 * Its first lines are those of every key of its kind, and of the public one; what is secret stands behind the middle, in
 * OpenSSH's format and in the older ones.
 */
export function privateLinesOf(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const body = lines.filter((line) => /^[A-Za-z\d+/]+=*$/.test(line));
  return body.slice(Math.floor(body.length / 2)).filter((line) => line.length >= TELLING);
}

/** In the sidecar's container these are no leak. */
export const keyFilesOf = ({ keyFile, sshKeyFile, passphraseFile }: KeyPaths): string[] =>
  [keyFile, sshKeyFile, passphraseFile].filter((path) => path !== null);
