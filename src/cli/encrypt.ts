import { resolve } from "node:path";
import { abbreviate, describeBundle, encryptPlain, open, type Format } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { SidecryptError, toSidecryptError } from "../errors.ts";
import { loadIdentities } from "../keys.ts";
import { nearest } from "../near.ts";
import { unique } from "../recipients.ts";
import { nameRuleOf, recipientsOf, ruleFor, type CreationRule } from "../rules/index.ts";
import { LARGEST_BUNDLE, readBundle } from "../source/index.ts";
import type { Bundle } from "../types.ts";
import { parseArguments, usage, type Parsed } from "./arguments.ts";
import type { Io } from "./io.ts";
import { FORMATS, formatByName, rememberPlaintext } from "./plaintext.ts";
import { findRules } from "./policy.ts";
import { replaceFile } from "./replace.ts";
import { changed, requirePinned } from "./rewriting.ts";
import type { Ui } from "./ui.ts";
import { readWhole } from "./value.ts";
import { writeNew } from "./write-new.ts";

const FLAGS = {
  age: { type: "string" },
  config: { type: "string" },
  format: { type: "string" },
  "filename-override": { type: "string" },
  "in-place": { type: "boolean", short: "i" },
  output: { type: "string", short: "o" },
} as const;
const STDIN = "-";
/** As every file that git keeps: a bundle is meant to be read. */
const BUNDLE_MODE = 0o644;

export async function encrypt(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "encrypt", flags: FLAGS, operands: 1 });
  const [input] = parsed.operands;
  if (input === undefined) throw usage("encrypt: name the plaintext file, or - for stdin", "encrypt");
  const output = parsed.value("output");
  refuseContradiction(input, output, parsed);
  const target = targetOf(input, output, parsed);
  const config = parseConfig(io.env);
  const rule = await creationRule(target, parsed.value("config"), ui);
  const recipients = recipientsFrom(parsed.value("age"), rule, target);
  const plain = input === STDIN ? await readStdin(io) : await readBundle(resolve(input));
  rememberPlaintext(plain.bytes, ui.redactor);
  const format = chosenFormat(parsed.value("format"), target, plain.bytes);
  const options = {
    recipients,
    // sops leaves no part of a binary file in plaintext, whatever the rule says (sops.md §2.3).
    rule: rule === null || format === "binary" ? null : nameRuleOf(rule),
    now: new Date(io.clock.now()),
    allowEmpty: config.allowEmpty,
  };
  const bytes = await changed(plain.path, plain.bytes, () => encryptPlain(plain.bytes, format, options));
  if (bytes === null) throw new SidecryptError("internal", `${plain.path}: nothing was encrypted`);
  requirePinned(target, bytes, config);
  await sayWhetherItOpens({ ...plain, bytes }, config, ui);
  if (output !== null) await writeNew(output, bytes, "encrypt", BUNDLE_MODE);
  else if (parsed.has("in-place")) await replaceFile(plain.path, plain.digest, bytes);
  else ui.outCiphertext(bytes);
  sayWhatRemains(input, output, parsed, ui);
  return 0;
}

function refuseContradiction(input: string, output: string | null, parsed: Parsed): void {
  const inPlace = parsed.has("in-place");
  if (inPlace && output !== null) throw usage("encrypt: --in-place and --output exclude each other", "encrypt");
  if (inPlace && input === STDIN) throw usage("encrypt: stdin cannot be replaced in place", "encrypt");
}

/** Absolute: where the bundle will be, which is what a later `recipients sync` goes by. */
function targetOf(input: string, output: string | null, parsed: Parsed): string {
  const named = parsed.value("filename-override") ?? output ?? (input === STDIN ? null : input);
  if (named !== null) return resolve(named);
  throw usage("encrypt: say for which file: rules and format go by its name", "encrypt", "--filename-override FILE");
}

async function creationRule(target: string, config: string | null, ui: Ui): Promise<CreationRule | null> {
  const rules = await findRules(target, config, ui);
  return rules === null ? null : ruleFor(rules, target);
}

/** As sops: keys on the command line replace those of the rule; its other fields still count. */
function recipientsFrom(age: string | null, rule: CreationRule | null, target: string): readonly string[] {
  const named = (age ?? "").split(",").map((recipient) => recipient.trim());
  const recipients = unique(named).filter((recipient) => recipient !== "");
  if (recipients.length > 0) return recipients;
  if (rule !== null) return recipientsOf(rule);
  throw usage(
    `encrypt: nobody to encrypt for: there is no .sops.yaml with creation rules above ${target}`,
    "encrypt",
    "--age age1…,age1…: the public keys that `sidecrypt keygen` printed",
  );
}

async function readStdin({ stdin }: Io): Promise<Bundle> {
  if (stdin.isTTY === true) throw usage("encrypt: nothing is piped in", "encrypt", "sidecrypt encrypt FILE");
  return { path: "stdin", bytes: await readWhole(stdin, LARGEST_BUNDLE, tooLarge), digest: "" };
}

/** As of a file. */
function tooLarge(): SidecryptError {
  const hint = "a bundle of secrets is some kilobytes: is it the right file?";
  return new SidecryptError("bundle-too-large", `stdin is larger than ${LARGEST_BUNDLE / 2 ** 10} KiB`, hint);
}

function chosenFormat(named: string | null, target: string, bytes: Uint8Array): Format {
  if (named === null) return formatByName(target, bytes);
  const format = FORMATS.find((known) => known === named);
  if (format !== undefined) return format;
  const near = nearest(named, FORMATS);
  const hint = near === null ? `one of ${FORMATS.join(", ")}` : `did you mean ${near}?`;
  throw usage(`encrypt: there is no format ${named}`, "encrypt", hint);
}

/** A key that is at hand shall open it; where none is, or it is not for us, that is said and stops nothing. */
async function sayWhetherItOpens(bundle: Bundle, config: Config, ui: Ui): Promise<void> {
  const identities = await loadIdentities(config).catch(() => null);
  if (identities === null) return;
  try {
    await open(bundle, identities, { allowEmpty: config.allowEmpty, dotenv: config.dotenv });
  } catch (thrown) {
    if (toSidecryptError(thrown).code !== "key-no-match") throw thrown;
    const list = describeBundle(bundle.bytes).recipients.map(abbreviate).join(", ");
    ui.warn(`no key of yours will open it: it is for ${list}`);
  }
}

function sayWhatRemains(input: string, output: string | null, parsed: Parsed, ui: Ui): void {
  if (parsed.has("in-place")) {
    ui.say(`${input} is encrypted; what git or a backup has of it from before is plaintext still`);
  } else if (output !== null) {
    ui.say(input === STDIN ? `${output} written` : `${output} written; ${input} still holds the plaintext`);
  }
}
