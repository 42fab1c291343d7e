/** argv → command → exit status. Nothing below throws past this, and nothing below ends the process. */
import { EXIT_STATUS, SidecryptError, toSidecryptError } from "../errors.ts";
import { usage } from "./arguments.ts";
import { COMMANDS, HELP, OVERVIEW, type CommandName } from "./help.ts";
import type { Io } from "./io.ts";
import { nearest } from "../near.ts";
import { createUi, type Ui } from "./ui.ts";

export type { Input, Io, Output } from "./io.ts";

/** The arguments after the command's name → exit status. */
export type Command = (argv: readonly string[], io: Io, ui: Ui) => Promise<number>;

/** Each loaded when it is called: a health check must not pay for the others every few seconds. */
const LOAD: Readonly<Record<CommandName, () => Promise<Command>>> = {
  run: async () => (await import("./run.ts")).run,
  status: async () => (await import("./status.ts")).status,
  plan: async () => (await import("./plan.ts")).plan,
  check: async () => (await import("./check.ts")).check,
  set: async () => (await import("./set.ts")).set,
  unset: async () => (await import("./unset.ts")).unset,
  edit: async () => (await import("./edit.ts")).edit,
  encrypt: async () => (await import("./encrypt.ts")).encrypt,
  decrypt: async () => (await import("./decrypt.ts")).decrypt,
  rotate: async () => (await import("./rotate.ts")).rotate,
  recipients: async () => (await import("./recipients.ts")).recipients,
  diff: async () => (await import("./diff.ts")).diff,
  retry: async () => (await import("./retry.ts")).retry,
  keygen: async () => (await import("./keygen.ts")).keygen,
  sign: async () => (await import("./sign.ts")).sign,
  verify: async () => (await import("./verify.ts")).verify,
  doctor: async () => (await import("./doctor.ts")).doctor,
  health: async () => (await import("./health.ts")).health,
  scan: async () => (await import("./scan.ts")).scan,
};

export async function main(argv: readonly string[], io: Io): Promise<number> {
  const ui = createUi(io.stdout, io.stderr);
  try {
    return await dispatch(argv, io, ui);
  } catch (thrown) {
    const error = toSidecryptError(thrown);
    ui.error(error);
    return EXIT_STATUS[error.code];
  }
}

async function dispatch([name, ...rest]: readonly string[], io: Io, ui: Ui): Promise<number> {
  if (name === undefined) {
    ui.error(new SidecryptError("usage", "no command given", `one of ${COMMANDS.join(", ")}; sidecrypt --help`));
    return EXIT_STATUS.usage;
  }
  if (name === "--version") return printed(ui, `sidecrypt ${io.version}`);
  if (name === "--help" || name === "-h") return printed(ui, OVERVIEW);
  if (name === "help") return printed(ui, isCommand(rest[0]) ? HELP[rest[0]] : OVERVIEW);
  if (!isCommand(name)) throw unknownCommand(name);
  if (rest.some((word) => word === "--help" || word === "-h")) return printed(ui, HELP[name]);
  const command = await LOAD[name]();
  return command(rest, io, ui);
}

function printed(ui: Ui, text: string): number {
  ui.out(text);
  return 0;
}

function isCommand(word: string | undefined): word is CommandName {
  return word !== undefined && Object.hasOwn(LOAD, word);
}

function unknownCommand(name: string): SidecryptError {
  if (name.startsWith("-")) return usage(`unknown flag ${name}`, "", "sidecrypt --help");
  const near = nearest(name, COMMANDS);
  return usage(`unknown command ${name}`, "", near === null ? "sidecrypt --help" : `did you mean sidecrypt ${near}?`);
}
