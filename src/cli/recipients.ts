import { resolve } from "node:path";
import { comparePins, described } from "../admission.ts";
import { abbreviate, brokenRecipients, describeBundle, rewrap, withRecipients } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { nearest } from "../near.ts";
import { sameSet, unique, without } from "../recipients.ts";
import { readBundle } from "../source/index.ts";
import { parseArguments, usage, type Parsed } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile, type OpenedFile } from "./opening.ts";
import { findRules, recipientsByRule } from "./policy.ts";
import { changed, replaceBundle, requireSameSecrets } from "./rewriting.ts";
import { recipientsOf, ruleFor } from "../rules/index.ts";
import { difference, refuseStrangers } from "./strangers.ts";
import type { Ui } from "./ui.ts";

const ACTIONS = ["list", "add", "remove", "sync"] as const;
type Action = (typeof ACTIONS)[number];

const FLAGS = { bundle: { type: "string" }, config: { type: "string" } } as const;

/** Null: no rule is written for the file. */
type Ruled = readonly string[] | null;

export async function recipients(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "recipients", flags: FLAGS, operands: Infinity });
  const [word, ...rest] = parsed.operands;
  const action = actionOf(word);
  const file = parsed.value("bundle");
  if (action === "list" || action === "sync") {
    if (rest.length > 0) throw usage(`recipients ${action} takes no recipient`, "recipients");
  } else if (rest.length === 0) throw usage(`recipients ${action}: name the recipient`, "recipients");
  if (action === "list" && file !== null) return list(resolve(file), parsed, ui);
  const config = parseConfig(io.env);
  if (action === "list") return list((await openFile(file, config, ui)).path, parsed, ui);
  const opened = await openFile(file, beforeTheChange(config), ui);
  const ruled = await ruledFor(action, opened.path, parsed.value("config"), ui);
  const wanted = wantedBy(action, opened, rest, ruled);
  const meant = action === "sync" ? wanted : action === "add" ? rest : [];
  const broken = brokenRecipients(opened.bundle.bytes).filter((one) => without([one], meant).length === 0);
  return change(opened, { wanted, broken, ruled }, config, io, ui);
}

function actionOf(word: string | undefined): Action {
  const action = ACTIONS.find((known) => known === word);
  if (action !== undefined) return action;
  const near = word === undefined ? null : nearest(word, ACTIONS);
  const hint = near === null ? undefined : `did you mean recipients ${near}?`;
  throw usage(`recipients: say what to do: ${ACTIONS.join(", ")}`, "recipients", hint);
}

/** Needs no key. */
async function list(path: string, parsed: Parsed, ui: Ui): Promise<number> {
  const { recipients: present, otherServices } = described(await readBundle(path));
  for (const recipient of present) ui.out(recipient);
  if (otherServices.length > 0) ui.warn(`${path} is encrypted for other services too: ${otherServices.join(", ")}`);
  const ruled = await recipientsByRule(path, parsed.value("config"), ui);
  if (ruled !== null && !sameSet(present, ruled)) {
    ui.warn(`this is not what the rule in .sops.yaml says: ${difference(present, ruled)}`);
    ui.hint(`sidecrypt recipients sync --bundle ${path}`);
  }
  return 0;
}

/** Pinned recipients are those of the file that is written: once the pins are changed, the one before has others. */
function beforeTheChange(config: Config): Config {
  return { ...config, pins: { ...config.pins, recipients: new Map() } };
}

async function ruledFor(action: Action, path: string, config: string | null, ui: Ui): Promise<Ruled> {
  if (action !== "sync") return recipientsByRule(path, config, ui);
  const rules = await findRules(path, config, ui);
  const rule = rules === null ? null : ruleFor(rules, path);
  if (rule !== null) return recipientsOf(rule);
  const message = `there is no .sops.yaml with creation rules for ${path}: it is looked for upwards from there`;
  throw new SidecryptError("rules-invalid", message, "write one, or use recipients add and recipients remove");
}

/** The recipients that the file shall have, in order; who stays is spelled as the file spells it. */
function wantedBy(
  action: "add" | "remove" | "sync",
  { path, bundle }: OpenedFile,
  named: readonly string[],
  ruled: Ruled,
): readonly string[] {
  const { recipients: present } = describeBundle(bundle.bytes);
  if (action === "sync") return unique(ruled ?? []).map((one) => present.find((held) => sameSet([held], [one])) ?? one);
  const [missing] = action === "remove" ? without(named, present) : [];
  if (missing !== undefined) {
    const hint = `sidecrypt recipients list --bundle ${path}`;
    throw new SidecryptError("usage", `${path} is not encrypted for ${abbreviate(missing)}`, hint);
  }
  refuseStrangers(path, present, ruled, named);
  return action === "remove" ? without(present, named) : [...present, ...unique(without(named, present))];
}

interface Change {
  readonly wanted: readonly string[];
  /** Whose entry opens for nobody, though somebody who may say so wants them in: nobody else's is touched. */
  readonly broken: readonly string[];
  readonly ruled: Ruled;
}

async function change(
  file: OpenedFile,
  { wanted, broken, ruled }: Change,
  config: Config,
  io: Io,
  ui: Ui,
): Promise<number> {
  const { path, bundle, identities } = file;
  const { recipients: present, otherServices } = describeBundle(bundle.bytes);
  if (sameSet(present, wanted) && broken.length === 0) {
    comparePins(bundle, config.pins);
    ui.say(`${path} is encrypted for exactly these already; it is left as it is`);
    return 0;
  }
  if (wanted.length === 0) throw new SidecryptError("usage", `${path}: at least one recipient has to stay`);
  const removed = without(present, wanted);
  if (removed.length > 0) refuseOtherServices(path, otherServices);
  // Who is removed may have kept the data key: values that are set from now on must not be under it (sops.md §8).
  const bytes = await changed(path, bundle.bytes, () =>
    removed.length > 0
      ? rewrap(bundle.bytes, identities, wanted, new Date(io.clock.now()))
      : withRecipients(bundle.bytes, identities, wanted, broken),
  );
  if (bytes === null) return 0;
  await requireSameSecrets(file, bytes, config);
  await replaceBundle(file, bytes, config, ui);
  for (const recipient of without(wanted, present)) ui.say(`added ${abbreviate(recipient)}`);
  for (const recipient of broken) ui.say(`renewed the entry of ${abbreviate(recipient)}: it opened for nobody`);
  for (const recipient of removed) ui.say(`removed ${abbreviate(recipient)}`);
  if (removed.length > 0) sayWhatRemains(wanted, ruled, ui);
  sayWhatSyncWouldDo(wanted, ruled, ui);
  return 0;
}

function sayWhatRemains(wanted: readonly string[], ruled: Ruled, ui: Ui): void {
  ui.say("the data key is new: who was removed cannot read what is written from now on");
  if (ruled === null) {
    // Somebody may have put himself into the file: where no rule tells, a person has to see it.
    ui.say("no rule in .sops.yaml says who may have the new data key; these have it:");
    for (const recipient of wanted) ui.say(`  ${abbreviate(recipient)}`);
  }
  ui.warn("who was removed still knows the old values, and reads them in git's history: rotate each at its issuer");
}

function sayWhatSyncWouldDo(wanted: readonly string[], ruled: Ruled, ui: Ui): void {
  if (ruled === null || sameSet(ruled, wanted)) return;
  ui.warn(`the rule in .sops.yaml says otherwise, and sync or sops updatekeys would follow it: change it too`);
}

/** `rewrap` writes age entries alone: whoever opens it by another service would be locked out. */
export function refuseOtherServices(path: string, otherServices: readonly string[]): void {
  if (otherServices.length === 0) return;
  throw new SidecryptError(
    "bundle-unsupported",
    `${path} is encrypted for ${otherServices.join(", ")} too, and a new data key would lock these out`,
    "use sops rotate for this file",
  );
}
