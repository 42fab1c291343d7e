/** The operator's own editor, on a file in memory. */
import { spawn } from "node:child_process";
import { access, constants, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Environment } from "../config.ts";
import { SidecryptError, systemCode } from "../errors.ts";
import type { Io } from "./io.ts";

const FALLBACK = "vi";
/** Where a shell without a PATH looks. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";
/** Vim would copy the text to the disk by itself: undo file, backup, viminfo with its registers. */
const VIM = /^n?vim(?:diff)?(?:\..+)?$/;
const KEEP_NOTHING = "set viminfo= nobackup nowritebackup noundofile";
/** Twice: a vimrc comes after `--cmd`, and a `-c` of the operator's own, which may write the file, before ours. */
const VIM_FLAGS = ["-n", "-i", "NONE", "--cmd", `autocmd BufWritePre * ${KEEP_NOTHING}`, "-c", KEEP_NOTHING];
/** One word of a shell's command, with the quotes that are in it. */
const WORD = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs;

/** Resolves when the editor has ended well. While it runs, Ctrl-C is the editor's. */
export async function runEditor(path: string, { env, beforeEnd }: Io): Promise<void> {
  const editor = editorOf(env);
  const flags = (await isVim(editor, env)) ? VIM_FLAGS : [];
  // As git does: a command with arguments of its own, such as `code --wait`. In the shell's place, so that a signal ends
  // the editor and not only the shell; one with a variable before it cannot be.
  const command = /^\s*\w+=/.test(editor) ? editor : `exec ${editor}`;
  const child = spawn("/bin/sh", ["-c", `${command} "$@"`, editor, ...flags, path], {
    stdio: "inherit",
    env: { ...env },
  });
  const forget = beforeEnd(() => void child.kill("SIGTERM"), { keepsInterrupt: true });
  try {
    const status = await new Promise<number | string>((done, fail) => {
      child.once("error", fail);
      child.once("close", (code, signal) => {
        done(code ?? signal ?? "a signal");
      });
    });
    if (status !== 0) throw failed(editor, status);
  } finally {
    forget();
  }
}

function editorOf(env: Environment): string {
  return [env["VISUAL"], env["EDITOR"]].find((named) => named !== undefined && named.trim() !== "") ?? FALLBACK;
}

/** `vi`, `view` and Debian's `editor` are links to it on one machine, and on another to what refuses its options. */
async function isVim(editor: string, env: Environment): Promise<boolean> {
  const program = programOf(editor);
  if (VIM.test(basename(program))) return true;
  const binary = await binaryOf(program, env["PATH"] ?? DEFAULT_PATH);
  return binary !== null && VIM.test(basename(binary));
}

/** The first word that sets no variable, without its quotes. */
function programOf(editor: string): string {
  const words = editor.match(WORD) ?? [];
  const program = words.find((word) => !/^\w+=/.test(word)) ?? "";
  return program.replace(/\\(.)|["']/gs, "$1");
}

/** Behind every link; null: there is none, which the shell will say. */
async function binaryOf(program: string, path: string): Promise<string | null> {
  const places = program.includes("/") ? [program] : path.split(":").map((one) => join(one, program));
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      return await realpath(place);
    } catch (thrown) {
      if (systemCode(thrown) === null) throw thrown;
    }
  }
  return null;
}

function failed(editor: string, status: number | string): SidecryptError {
  const hint = status === 127 ? "set EDITOR to one that is installed: EDITOR=nano sidecrypt edit" : undefined;
  const how = typeof status === "number" ? `with status ${status}` : `by ${status}`;
  return new SidecryptError("editor-failed", `the editor (${editor}) ended ${how}; nothing was changed`, hint);
}
