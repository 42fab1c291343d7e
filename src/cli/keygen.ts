import { generateIdentity } from "../bundle/index.ts";
import { parseArguments } from "./arguments.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";
import { writeNew } from "./write-new.ts";

export async function keygen(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const flags = { output: { type: "string", short: "o" }, pq: { type: "boolean" } } as const;
  const parsed = parseArguments(argv, { command: "keygen", flags, operands: 0 });
  const output = parsed.value("output");
  const { identity, recipient } = await generateIdentity(parsed.has("pq") ? "hybrid" : "x25519");
  // The layout of age-keygen, seconds and all: other tools read the public key out of the comment.
  const created = new Date(io.clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  const text = `# created: ${created}\n# public key: ${recipient}\n${identity.trim()}\n`;
  if (output === null) ui.outSecret(text);
  else await writeNew(output, text, "keygen");
  ui.say(`public key: ${recipient}`);
  return 0;
}
