/** Which file is the bundle: the named one, or the single candidate in the directory. Never guesses between two. */
import { readFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { SidecryptError, systemCode } from "../errors.ts";
import { LARGEST_BUNDLE, isLeftover } from "./limits.ts";

/** These count whatever they hold: a damaged bundle is to be refused by name, not overlooked. */
const WELL_KNOWN: readonly string[] = [".env.enc", "secrets.enc.env"];

export type LooksLikeBundle = (bytes: Uint8Array) => boolean;

/**
 * The path of the bundle: `named` (absolute, or relative to `dir`), else the only file at depth 0 that looks like one.
 * Recognised by content, since neither SOPS nor its users agree on a name.
 */
export async function findBundle(dir: string, named: string | null, looksLikeBundle: LooksLikeBundle): Promise<string> {
  if (named !== null) return namedBundle(resolve(dir, named));
  const bundles: string[] = [];
  const unreadable: string[] = [];
  for (const name of (await listDirectory(dir)).sort()) {
    const kind = isLeftover(name) ? "other" : await classify(dir, name, looksLikeBundle);
    if (kind === "bundle") bundles.push(name);
    if (kind === "unreadable") unreadable.push(name);
  }
  const [bundle, ...others] = bundles;
  if (others.length > 0) throw ambiguous(dir, bundles);
  if (bundle !== undefined) return join(dir, bundle);
  // It may well be the bundle that cannot be read: "there is none" would send the operator the wrong way.
  const [first] = unreadable;
  if (first !== undefined) throw await unreadableAt(join(dir, first), "EACCES");
  throw missing(`no bundle in ${dir}: looked for ${WELL_KNOWN.join(", ")} or one file that sops has encrypted`);
}

/** The bundles that are listed, each by name and path, in their order; with none listed, the only one in `dir`. */
export async function findBundles(
  dir: string,
  listed: readonly string[],
  looksLikeBundle: LooksLikeBundle,
): Promise<readonly { readonly name: string; readonly path: string }[]> {
  if (listed.length === 0) return [{ name: "", path: await findBundle(dir, null, looksLikeBundle) }];
  return Promise.all(listed.map(async (name) => ({ name, path: await namedBundle(resolve(dir, name)) })));
}

async function namedBundle(path: string): Promise<string> {
  try {
    if ((await stat(path)).isFile()) return path;
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw await unreadableAt(path, systemCode(error) ?? "an error");
    throw missing(`no bundle at ${path}, which SIDECRYPT_BUNDLE names`);
  }
  throw new SidecryptError(
    "bundle-unreadable",
    `${path}, which SIDECRYPT_BUNDLE names, is not a file`,
    "name the encrypted file itself",
  );
}

async function classify(dir: string, name: string, looks: LooksLikeBundle): Promise<"bundle" | "other" | "unreadable"> {
  const path = join(dir, name);
  try {
    const seen = await stat(path);
    if (!seen.isFile()) return "other";
    if (WELL_KNOWN.includes(name)) return "bundle";
    return seen.size <= LARGEST_BUNDLE && looks(await readFile(path)) ? "bundle" : "other";
  } catch (error) {
    // Gone since it was listed, or a link to nothing: git and editors rename all the time, and an event follows.
    return systemCode(error) === "EACCES" || systemCode(error) === "EPERM" ? "unreadable" : "other";
  }
}

async function listDirectory(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    const code = systemCode(error) ?? "an error";
    if (code === "ENOTDIR") throw singleFile(dir);
    throw await unreadableAt(dir, code);
  }
}

export async function unreadableAt(path: string, code: string): Promise<SidecryptError> {
  const seen = await stat(path).catch(() => null);
  const mode =
    seen === null ? "" : `; it is ${seen.uid}:${seen.gid} ${(seen.mode & 0o7777).toString(8).padStart(4, "0")}`;
  const uid = process.getuid?.() ?? 0;
  return new SidecryptError(
    "bundle-unreadable",
    `cannot read ${path} (${code})${mode}, and sidecrypt runs as uid ${uid}`,
    code === "ENOENT"
      ? `mount the bundle's directory: "- ./secrets:${path}:ro"`
      : "without capabilities even uid 0 reads only what its owner, group or mode lets it: chmod a+r the encrypted " +
          "file, and a+rx its directory",
  );
}

/** A bind mount of a file holds the inode, and `git pull` makes a new one: the change would never be seen. */
export function singleFile(path: string): SidecryptError {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/bundle";
  return new SidecryptError(
    "bundle-single-file",
    `${path} is mounted as a single file: a git pull replaces the file, and this mount would go on showing the old one`,
    `mount the directory that it is in: "- ./secrets:${directory}:ro"`,
  );
}

function ambiguous(dir: string, names: readonly string[]): SidecryptError {
  return new SidecryptError(
    "bundle-ambiguous",
    `${names.length} bundles in ${dir}: ${names.join(", ")}`,
    `name the one that counts: SIDECRYPT_BUNDLE=${names[0] ?? ""}; or all that count, in order: ${names.join(",")}`,
  );
}

function missing(message: string): SidecryptError {
  return new SidecryptError(
    "bundle-missing",
    message,
    "put the encrypted file there, or name it with SIDECRYPT_BUNDLE (absolute, or relative to the directory)",
  );
}
