/** The repository's own configuration: what nobody commits, and what backups and images of a checkout hold all the same. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gitOutput, type GitOptions } from "./git-process.ts";
import type { Finding, Source } from "./types.ts";

/** As `git config` reads it: for a worktree that of its repository. */
export async function configOf(options: GitOptions): Promise<Source> {
  const path = (await gitOutput(["rev-parse", "--git-path", "config"], options)).toString("utf8").trimEnd();
  const content = await readFile(path.startsWith("/") ? path : join(options.directory, path));
  return { place: path, whole: () => content, read: () => [content], again: false };
}

/** User and password, or a token in place of the user, as `https://TOKEN@host` has it. */
const CREDENTIALS = /^\s*(?:push)?url\s*=.*:\/\/(?:[^\s/:@]+:[^\s/@]+|(?!git@)[^\s/:@]{16,})@/i;

/** By line. `ssh://git@host` names a user, and no secret. */
export function credentialsIn({ place, whole }: Source): Finding[] {
  const lines = Buffer.from(whole?.() ?? [])
    .toString("utf8")
    .split("\n");
  const found = lines.flatMap((line, at) => (CREDENTIALS.test(line) ? [at + 1] : []));
  if (found.length === 0) return [];
  const hint = "git remote set-url NAME URL without it, and a credential helper";
  return [{ name: "shape:password-in-url", form: "raw", place, lines: found, count: found.length, hint }];
}

/** It was cloned with a filter, and asks its remote for what it lacks only when somebody needs it. */
export async function isPartial(options: GitOptions): Promise<boolean> {
  const listed = (await gitOutput(["config", "--list", "-z"], options)).toString("utf8").split("\0");
  return listed.some((one) => /^(?:extensions\.partialclone\n|remote\.[^\n]*\.promisor\ntrue)/is.test(one));
}
