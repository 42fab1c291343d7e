/** The operator's own editor, on a file in memory. */
import { spawn } from "node:child_process";
import { basename } from "node:path";
import type { Environment } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import type { Io } from "./io.ts";

const FALLBACK = "vi";
/** Vim would copy the text to the disk by itself: undo file, backup, viminfo with its registers. */
const VIM = new Set(["vim", "nvim", "vim.basic", "vim.tiny", "vim.gtk3", "vim.nox"]);
const VIM_FLAGS = ["-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile"];

/** Resolves when the editor has ended well. While it runs, Ctrl-C is the editor's. */
export async function runEditor(path: string, { env, beforeEnd }: Io): Promise<void> {
  const editor = editorOf(env);
  const flags = VIM.has(basename(editor)) ? VIM_FLAGS : [];
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

function failed(editor: string, status: number | string): SidecryptError {
  const hint = status === 127 ? "set EDITOR to one that is installed: EDITOR=nano sidecrypt edit" : undefined;
  const how = typeof status === "number" ? `with status ${status}` : `by ${status}`;
  return new SidecryptError("editor-failed", `the editor (${editor}) ended ${how}; nothing was changed`, hint);
}
