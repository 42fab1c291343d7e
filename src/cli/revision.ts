/** A bundle by a path, or by `REV:path` as `git show` takes it. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { Environment } from "../config.ts";
import { SidecryptError, systemCode } from "../errors.ts";
import { LARGEST_BUNDLE, readBundle } from "../source/index.ts";
import type { Bundle } from "../types.ts";

/** @param named - a path, relative to where we stand; where there is no such file and it has a colon, a revision. */
export async function readNamed(named: string, env: Environment): Promise<Bundle> {
  const isFile = await stat(resolve(named)).then(
    () => true,
    () => false,
  );
  return isFile || !named.includes(":") ? readBundle(resolve(named)) : readRevision(named, process.cwd(), env);
}

/** What the last commit has at the path of this file. */
export function readCommitted(path: string, env: Environment): Promise<Bundle> {
  const target = resolve(path);
  return readRevision(`HEAD:./${basename(target)}`, dirname(target), env);
}

/** `cat-file`, not `show`: that would run a filter (textconv) that the repository's configuration names. */
async function readRevision(named: string, directory: string, env: Environment): Promise<Bundle> {
  // git would take it for an option.
  if (named.startsWith("-"))
    throw new SidecryptError("usage", `${named} is no revision`, "REV:path, such as HEAD:a.env");
  const bytes = await runGit(["cat-file", "blob", named], directory, env, named);
  return { path: named, bytes, digest: createHash("sha256").update(bytes).digest("hex") };
}

function runGit(args: readonly string[], cwd: string, env: Environment, named: string): Promise<Uint8Array> {
  return new Promise((done, fail) => {
    const options = { cwd, env: { ...env }, encoding: "buffer", maxBuffer: LARGEST_BUNDLE } as const;
    execFile("git", args, options, (error, stdout) => {
      if (error === null) done(stdout);
      else fail(explained(error, named));
    });
  });
}

function explained(error: Error, named: string): SidecryptError {
  const code = systemCode(error);
  if (code === "ENOENT") return new SidecryptError("usage", `there is no git to read ${named} with`, "install git");
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") {
    return new SidecryptError("bundle-too-large", `${named} is larger than ${LARGEST_BUNDLE / 2 ** 20} MiB`);
  }
  return new SidecryptError(
    "bundle-missing",
    `git has no file ${named}`,
    "REV:path counts from the top of the repository, REV:./path from here: git show shows what is there",
  );
}
