import { open } from "node:fs/promises";
import { generateIdentity } from "../bundle/index.ts";
import { systemCode, type SidecryptError } from "../errors.ts";
import { parseArguments, usage } from "./arguments.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

export async function keygen(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const flags = { output: { type: "string", short: "o" } } as const;
  const output = parseArguments(argv, { command: "keygen", flags, operands: 0 }).value("output");
  const { identity, recipient } = await generateIdentity();
  // The layout of age-keygen, seconds and all: other tools read the public key out of the comment.
  const created = new Date(io.clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  const text = `# created: ${created}\n# public key: ${recipient}\n${identity.trim()}\n`;
  if (output === null) ui.outIdentity(text);
  else await writeNew(output, text);
  ui.say(`public key: ${recipient}`);
  return 0;
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw notWritten(path, systemCode(thrown));
  }
}

function notWritten(path: string, code: string | null): SidecryptError {
  // Whoever holds only the old key would be locked out of every bundle encrypted to it.
  if (code === "EEXIST") return usage(`${path} exists and is not overwritten`, "keygen", "name another file with -o");
  if (code === "ENOENT") return usage(`the directory of ${path} does not exist`, "keygen");
  return usage(`${path} cannot be written: ${code ?? "unknown error"}`, "keygen");
}
