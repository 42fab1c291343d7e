/** The one way to git: its own plumbing, started without a shell, without hooks, pagers or locks. */
import { SidecryptError, systemCode } from "../errors.ts";

/** What it inherits: where it finds itself and the user's safe.directory; nothing that turns it into something else. */
export interface GitOptions {
  readonly directory: string;
  readonly path: string;
  readonly home: string;
}

/** A running git: feed it lines, read its output. */
export interface GitProcess {
  write(text: string): void;
  end(): void;
  readonly output: AsyncIterable<Uint8Array>;
  /** Its exit status; throws where it could not be started. */
  readonly status: Promise<number>;
}

export function startGit(args: readonly string[], { directory, path, home }: GitOptions): GitProcess {
  // Loaded only here: most scans need no git.
  const { spawn } = process.getBuiltinModule("node:child_process");
  const child = spawn("git", ["--no-pager", "--no-optional-locks", ...args], {
    cwd: directory,
    env: { PATH: path, HOME: home, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_NO_LAZY_FETCH: "1" },
    // What it complains of may repeat what it was given.
    stdio: ["pipe", "pipe", "ignore"],
  });
  const status = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => {
      reject(notStarted(systemCode(error) ?? "unknown error"));
    });
    child.once("close", (code) => {
      resolve(code ?? 1);
    });
  });
  // Whoever waits hears of it; nobody else has to.
  status.catch(() => undefined);
  child.stdin.on("error", () => undefined);
  return {
    write: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
    output: child.stdout,
    status,
  };
}

/** @throws SidecryptError `usage` where git fails: here, mostly, because this is no repository */
export async function gitOutput(args: readonly string[], options: GitOptions): Promise<Buffer> {
  const git = startGit(args, options);
  git.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of git.output) chunks.push(chunk);
  if ((await git.status) === 0) return Buffer.concat(chunks);
  throw new SidecryptError(
    "usage",
    `git ${args[0] ?? ""} failed in ${options.directory}`,
    "is it a git repository that you may read? try: git status",
  );
}

function notStarted(code: string): SidecryptError {
  return new SidecryptError("usage", `git cannot be started: ${code}`, "install git, or scan the files alone");
}
