/** What of a repository is looked at: every object that it holds, or what is staged. */
import { gitOutput, type GitOptions } from "./git-process.ts";
import type { Wanted } from "./git-objects.ts";

const SHORT = 10;

/**
 * Blobs, commits and tags of the whole object database: also what was amended away or stashed, which everybody who has
 * the repository has. Trees hold names only, and these stand with their blobs.
 */
export async function historyOf(options: GitOptions): Promise<Wanted[]> {
  // What a partial clone lacks is not fetched for it.
  const paths = pathsOf(
    await gitOutput(
      ["rev-list", "--objects", "--missing=allow-any", "--all", "--reflog", "--indexed-objects"],
      options,
    ),
  );
  const all = await gitOutput(
    ["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)", "--unordered"],
    options,
  );
  return lines(all).flatMap((line): Wanted[] => {
    const [object = "", type = ""] = line.split(" ");
    if (type === "tree") return [];
    const path = paths.get(object);
    if (type !== "blob") return [{ object, place: `${type} ${object.slice(0, SHORT)}` }];
    return [{ object, place: path ?? `unreachable object ${object.slice(0, SHORT)}` }];
  });
}

/** Object to the path that it first stood at. */
function pathsOf(listing: Buffer): Map<string, string> {
  return new Map(
    lines(listing).flatMap((line): [string, string][] => {
      const at = line.indexOf(" ");
      return at < 0 || at === line.length - 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

const lines = (text: Buffer): string[] =>
  text
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");

/** The oldest commit that has the object, for `git show COMMIT:path`; null: none has it. */
export async function commitOf(object: string, options: GitOptions): Promise<string | null> {
  const found = await gitOutput(["log", "--all", "--format=%h", `--find-object=${object}`], options);
  return lines(found).at(-1) ?? null;
}

export interface Staged {
  readonly wanted: readonly Wanted[];
  /** Their names cannot be asked for. */
  readonly odd: readonly string[];
}

/** What the next commit would add or change, as it stands in the index: not as it stands in the directory. */
export async function stagedIn(options: GitOptions): Promise<Staged> {
  const listed = await gitOutput(["diff", "--cached", "--name-only", "--diff-filter=d", "-z"], options);
  const names = listed
    .toString("utf8")
    .split("\0")
    .filter((name) => name !== "");
  return {
    wanted: names.filter((name) => !name.includes("\n")).map((name) => ({ object: `:${name}`, place: name })),
    odd: names.filter((name) => name.includes("\n")),
  };
}

/** The top of the repository: what git prints paths from. */
export async function topOf(options: GitOptions): Promise<string> {
  return (await gitOutput(["rev-parse", "--show-toplevel"], options)).toString("utf8").trimEnd();
}

/** Whether it was cloned with the last commits alone. */
export async function isShallow(options: GitOptions): Promise<boolean> {
  return (await gitOutput(["rev-parse", "--is-shallow-repository"], options)).toString("utf8").trim() === "true";
}
