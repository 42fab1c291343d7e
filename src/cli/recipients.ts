import { resolve } from "node:path";
import { described } from "../admission.ts";
import { abbreviate, describeBundle, rewrap, withRecipients } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { nearest } from "../near.ts";
import { readBundle } from "../source/index.ts";
import { parseArguments, usage, type Parsed } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile, type OpenedFile } from "./opening.ts";
import { findRules, recipientsByRule } from "./policy.ts";
import { changed, replaceBundle, requireSameSecrets } from "./rewriting.ts";
import { recipientsOf, ruleFor } from "../rules/index.ts";
import type { Ui } from "./ui.ts";

const ACTIONS = ["list", "add", "remove", "sync"] as const;
type Action = (typeof ACTIONS)[number];

const FLAGS = { bundle: { type: "string" }, config: { type: "string" } } as const;

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
  const opened = await openFile(file, config, ui);
  if (action === "list") return list(opened.path, parsed, ui);
  const wanted = await wantedBy(action, opened, rest, parsed, ui);
  return change(opened, wanted, config, io, ui);
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

/** The recipients that the file shall have, in order. */
async function wantedBy(
  action: "add" | "remove" | "sync",
  { path, bundle }: OpenedFile,
  named: readonly string[],
  parsed: Parsed,
  ui: Ui,
): Promise<readonly string[]> {
  const { recipients: present } = describeBundle(bundle.bytes);
  if (action === "sync") return syncedWith(path, parsed.value("config"), ui);
  if (action === "add") return [...new Set([...present, ...named])];
  const missing = named.find((recipient) => !present.includes(recipient));
  if (missing !== undefined) {
    const hint = `sidecrypt recipients list --bundle ${path}`;
    throw new SidecryptError("usage", `${path} is not encrypted for ${abbreviate(missing)}`, hint);
  }
  return present.filter((recipient) => !named.includes(recipient));
}

async function syncedWith(path: string, config: string | null, ui: Ui): Promise<readonly string[]> {
  const rules = await findRules(path, config, ui);
  const rule = rules === null ? null : ruleFor(rules, path);
  if (rule !== null) return recipientsOf(rule);
  const message = `there is no .sops.yaml with creation rules for ${path}: it is looked for upwards from there`;
  throw new SidecryptError("rules-invalid", message, "write one, or use recipients add and recipients remove");
}

async function change(file: OpenedFile, wanted: readonly string[], config: Config, io: Io, ui: Ui): Promise<number> {
  const { path, bundle, identities } = file;
  const { recipients: present, otherServices } = describeBundle(bundle.bytes);
  if (sameSet(present, wanted)) {
    ui.say(`${path} is encrypted for exactly these already; it is left as it is`);
    return 0;
  }
  if (wanted.length === 0) throw new SidecryptError("usage", `${path}: at least one recipient has to stay`);
  const removed = present.filter((recipient) => !wanted.includes(recipient));
  if (removed.length > 0) refuseOtherServices(path, otherServices);
  // Who is removed may have kept the data key: values that are set from now on must not be under it (sops.md §8).
  const bytes = await changed(path, bundle.bytes, () =>
    removed.length > 0
      ? rewrap(bundle.bytes, identities, wanted, new Date(io.clock.now()))
      : withRecipients(bundle.bytes, identities, wanted),
  );
  if (bytes === null) return 0;
  await requireSameSecrets(file, bytes, config);
  await replaceBundle(file, bytes, ui);
  for (const recipient of wanted) if (!present.includes(recipient)) ui.say(`added ${abbreviate(recipient)}`);
  for (const recipient of removed) ui.say(`removed ${abbreviate(recipient)}`);
  if (removed.length > 0) sayWhatRemains(ui);
  await sayWhatSyncWouldDo(path, wanted, ui);
  return 0;
}

function sayWhatRemains(ui: Ui): void {
  ui.say("the data key is new: who was removed cannot read what is written from now on");
  ui.warn("who was removed still knows the old values, and reads them in git's history: rotate each at its issuer");
}

async function sayWhatSyncWouldDo(path: string, wanted: readonly string[], ui: Ui): Promise<void> {
  const ruled = await recipientsByRule(path, null, ui).catch(() => null);
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

export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every((one) => b.includes(one)) && b.every((one) => a.includes(one));
}

/** In words: what the file has that the rule has not, and the other way round. */
export function difference(present: readonly string[], ruled: readonly string[]): string {
  const extra = present.filter((one) => !ruled.includes(one)).map((one) => `the file alone has ${abbreviate(one)}`);
  const missing = ruled.filter((one) => !present.includes(one)).map((one) => `the rule alone has ${abbreviate(one)}`);
  return [...extra, ...missing].join("; ");
}
