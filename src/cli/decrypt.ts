import { resolve } from "node:path";
import { decryptPlain } from "../bundle/index.ts";
import { parseConfig } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { nearest } from "../near.ts";
import { parseArguments, usage } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile, type OpenedFile } from "./opening.ts";
import { requireMemory } from "./scratch.ts";
import type { Ui } from "./ui.ts";
import { writeNew } from "./write-new.ts";

const FLAGS = {
  output: { type: "string", short: "o" },
  name: { type: "string" },
  "to-disk": { type: "boolean" },
} as const;
const STDOUT = "-";

export async function decrypt(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "decrypt", flags: FLAGS, operands: 1 });
  const output = parsed.value("output");
  if (output === null && io.stdout.isTTY !== true) throw notAsked();
  if (output !== null && output !== STDOUT && !parsed.has("to-disk")) await requireMemory(resolve(output));
  const file = await openFile(parsed.operands[0] ?? null, parseConfig(io.env), ui);
  const plain = await plaintextOf(file, parsed.value("name"));
  if (output === null) requirePrintable(plain);
  if (output === null || output === STDOUT) ui.outSecret(plain);
  else {
    await writeNew(output, plain, "decrypt");
    ui.say(`${output} holds the plaintext, readable by you alone: remove it when it is no longer needed`);
  }
  plain.fill(0);
  return 0;
}

/** The whole document as SOPS holds it; of one secret, the bytes that a consumer's file would have. */
async function plaintextOf({ path, bundle, identities, opened }: OpenedFile, name: string | null): Promise<Uint8Array> {
  if (name === null) return (await decryptPlain(bundle.bytes, identities)).bytes;
  const value = opened.secrets.get(name);
  if (value !== undefined) return Uint8Array.from(value);
  const near = nearest(name, opened.secrets.keys());
  const hint = near === null ? `sidecrypt check ${path} prints the names` : `did you mean ${near}?`;
  throw new SidecryptError("secret-missing", `${path} has no secret of that name`, hint);
}

/** A shell's `> file` or a CI log would keep it; whoever wants that says so. */
function notAsked(): SidecryptError {
  return usage(
    "decrypt: stdout is not a terminal, and plaintext in a pipe or a file has to be asked for",
    "decrypt",
    "-o - for stdout; -o /dev/shm/FILE for a file in memory",
  );
}

/** Whoever wrote the bundle must not steer the terminal. */
function requirePrintable(plain: Uint8Array): void {
  // Control characters of ASCII but for tab, line feed and carriage return.
  const steers = plain.some((byte) => (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13) || byte === 0x7f);
  if (!steers) return;
  throw usage("decrypt: the plaintext holds control characters, which a terminal obeys", "decrypt", "-o -, or -o FILE");
}
