/** Command line → flags and operands. Strict: an unknown flag, a missing value or one operand too many is an error. */
import { parseArgs } from "node:util";
import { SidecryptError } from "../errors.ts";
import { nearest } from "../near.ts";

export type Flags = Readonly<Record<string, { readonly type: "boolean" | "string"; readonly short?: string }>>;

export interface Shape {
  readonly command: string;
  readonly flags: Flags;
  /** How many operands it takes at most. */
  readonly operands: number;
  /** An argument may be a value put there by mistake: then none is repeated in a message. */
  readonly discreet?: boolean;
}

export interface Parsed {
  readonly operands: readonly string[];
  has(flag: string): boolean;
  value(flag: string): string | null;
}

export function parseArguments(argv: readonly string[], shape: Shape): Parsed {
  const { flags } = shape;
  // Not strict, so that the messages are ours: those of node:util repeat the argument.
  const { tokens } = parseArgs({
    args: [...argv],
    options: flags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const found = new Map<string, string | true>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(token.rawName, flags, shape);
    // `-o --json` is a value forgotten, not a file of that name; `-` alone is stdout.
    const value = token.inlineValue === false && /^-./.test(token.value) ? undefined : token.value;
    found.set(token.name, checkedValue(token.rawName, value, flag.type, shape));
  }
  if (operands.length > shape.operands) throw tooMany(operands, shape);
  return {
    operands,
    has: (flag) => found.has(flag),
    value: (flag) => {
      const value = found.get(flag);
      return typeof value === "string" ? value : null;
    },
  };
}

export function usage(message: string, command: string, hint?: string): SidecryptError {
  return new SidecryptError("usage", message, hint ?? `sidecrypt ${command} --help`);
}

function checkedValue(raw: string, value: string | undefined, type: "boolean" | "string", shape: Shape): string | true {
  if (type === "boolean") {
    if (value !== undefined) throw usage(`${raw} takes no value`, shape.command);
    return true;
  }
  if (value === undefined || value === "") throw usage(`${raw} needs a value`, shape.command);
  return value;
}

function unknownFlag(raw: string, flags: Flags, { command, discreet }: Shape): SidecryptError {
  const near = nearest(raw.replace(/^-+/, ""), [...Object.keys(flags), "help"]);
  const hint = near === null ? undefined : `did you mean --${near}?`;
  return usage(discreet === true ? `${command}: unknown flag` : `${command}: unknown flag ${raw}`, command, hint);
}

function tooMany(operands: readonly string[], { command, operands: most, discreet }: Shape): SidecryptError {
  const extra = discreet === true ? "" : ` ${operands[most] ?? ""}`;
  return usage(`${command}: unexpected argument${extra}`, command);
}
