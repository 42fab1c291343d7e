/** The demo's own copy of the repository's bundle and key, in .demo: the story changes it, the repository stays. */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { open, parseIdentities } from "../../src/bundle/index.ts";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const WORK = ".demo";
export const BUNDLE_NAME = "secrets.enc.env";
const DIRECTORY = join(ROOT, WORK);
const BUNDLE = join(DIRECTORY, "secrets", BUNDLE_NAME);
const KEY = join(DIRECTORY, "age.key");

/** Open to all, which a key never is elsewhere: this one is public, and the sidecar may be no more than "others". */
const MODE = 0o644;
const DIRECTORY_MODE = 0o755;

export async function prepare(): Promise<void> {
  await remove();
  await mkdir(dirname(BUNDLE), { recursive: true });
  await copyFile(join(ROOT, BUNDLE_NAME), BUNDLE);
  await copyFile(join(ROOT, "compose/demo/demonstration-only.age.key"), KEY);
  for (const directory of [DIRECTORY, dirname(BUNDLE)]) await chmod(directory, DIRECTORY_MODE);
  for (const file of [BUNDLE, KEY]) await chmod(file, MODE);
}

export async function remove(): Promise<void> {
  await rm(DIRECTORY, { recursive: true, force: true });
}

export function readBundle(): Promise<Buffer> {
  return readFile(BUNDLE);
}

/** By a rename, as git does it. */
export async function writeBundle(bytes: Uint8Array): Promise<void> {
  const next = join(DIRECTORY, "next");
  await writeFile(next, bytes);
  await chmod(next, MODE);
  await rename(next, BUNDLE);
}

/** As `sidecrypt status` shows it. */
export async function digest(): Promise<string> {
  return createHash("sha256")
    .update(await readBundle())
    .digest("hex")
    .slice(0, 12);
}

/** What is in the bundle, so that it can be searched for. */
export async function readValues(): Promise<Map<string, string>> {
  const bytes = await readBundle();
  const identities = await parseIdentities(await readFile(KEY, "utf8"), KEY);
  const bundle = { path: BUNDLE, bytes, digest: "" };
  const { secrets } = await open(bundle, identities, { allowEmpty: new Set(), dotenv: "compose" });
  return new Map([...secrets].map(([name, value]) => [name, Buffer.from(value).toString()]));
}
