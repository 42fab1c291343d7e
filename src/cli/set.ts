import { setSecret } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { SidecryptError, toSidecryptError } from "../errors.ts";
import { parseArguments, usage, type Shape } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile, type OpenedFile } from "./opening.ts";
import { replaceFile } from "./replace.ts";
import type { Ui } from "./ui.ts";
import { readPiped, readPrompted } from "./value.ts";

/** What a shell reports of a process that Ctrl-C ended. */
const INTERRUPTED = 130;

const SHAPE: Shape = {
  command: "set",
  flags: { bundle: { type: "string" }, "keep-newline": { type: "boolean" } },
  // Counted below: a second operand is most likely the value.
  operands: Infinity,
  discreet: true,
};

export async function set(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, SHAPE);
  const name = onlyName(parsed.operands);
  const config = parseConfig(io.env);
  // Before the value is asked for: nobody shall type one for a bundle that does not open.
  const file = await openFile(parsed.value("bundle"), config, ui);
  const value =
    io.stdin.isTTY === true
      ? await readPrompted(io.stdin, ui, name)
      : await readPiped(io.stdin, parsed.has("keep-newline"));
  if (value === null) return INTERRUPTED;
  ui.redactor.remember([value]);
  refuseEmpty(name, value, config.allowEmpty);
  const bytes = await withSecret(file, name, value, config, io);
  if (bytes === null) {
    ui.say(`${name} is unchanged; ${file.path} is left as it is`);
    return 0;
  }
  const { ownerKept } = await replaceFile(file.path, file.bundle.digest, bytes);
  ui.say(`${name} ${file.opened.secrets.has(name) ? "changed in" : "added to"} ${file.path}`);
  if (!ownerKept) ui.warn(`${file.path} belongs to you now: its owner could not be kept`);
  return 0;
}

/** The new file; null: nothing changes. */
async function withSecret(
  { path, bundle, identities, opened }: OpenedFile,
  name: string,
  value: Uint8Array,
  { allowEmpty }: Config,
  { clock }: Io,
): Promise<Uint8Array | null> {
  const present = opened.secrets.get(name);
  // By what is delivered: quotes around a value may be another person's way to write the same.
  if (present !== undefined && Buffer.compare(present, value) === 0) return null;
  try {
    const bytes = await setSecret(bundle.bytes, identities, name, value, new Date(clock.now()), { allowEmpty });
    return Buffer.compare(bytes, bundle.bytes) === 0 ? null : bytes;
  } catch (thrown) {
    const { code, message, hint } = toSidecryptError(thrown);
    throw new SidecryptError(code, `${path}: ${message}`, hint);
  }
}

/** No message here repeats an argument: it may be the value. */
function onlyName([name, ...rest]: readonly string[]): string {
  if (name === undefined) throw usage("set: name the secret", "set");
  if (rest.length > 0 || name.includes("=")) {
    throw usage(
      "set takes no value as an argument: it would stand in the shell's history and in the process list",
      "set",
      "give it on stdin, or at the prompt: sidecrypt set NAME; where it was a real one, replace it at its issuer",
    );
  }
  if (!/^[A-Za-z_][\w.-]*$/.test(name)) {
    throw usage("set: that is no name of a secret: letters, digits, _, . and -, a letter or _ first", "set");
  }
  return name;
}

/** Empty values are not authenticated by SOPS, so `open` would refuse the bundle that we had just written. */
function refuseEmpty(name: string, value: Uint8Array, allowed: ReadonlySet<string>): void {
  if (value.length > 0 || allowed.has(name)) return;
  throw new SidecryptError(
    "bundle-empty-value",
    `the value of ${name} is empty: SOPS does not authenticate empty values`,
    `to allow it: SIDECRYPT_ALLOW_EMPTY=${name}`,
  );
}
