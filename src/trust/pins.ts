/**
 * Pinned recipients and rules. Nobody authenticates what a file says of them (sops.md §11.3): an added recipient gets
 * the next data key, and another rule leaves the next value in plaintext. So they are compared with the policy.
 */
import { SidecryptError } from "../errors.ts";
import { comparable } from "../recipients.ts";

/** By a bundle's name, as it is listed, or the end of its path; null: every bundle without a pin of its own. */
export type Pinned<T> = ReadonlyMap<string | null, T>;

export interface Pins {
  /** Empty: none is pinned. */
  readonly recipients: Pinned<readonly string[]>;
  /** FIELD=TEXT, e.g. `unencrypted_suffix=_unencrypted`. */
  readonly rules: Pinned<string>;
}

/** What a bundle says of itself; every word may be anybody's. */
export interface Described {
  readonly recipients: readonly string[];
  readonly otherServices: readonly string[];
  readonly rule: { readonly field: string; readonly text: string };
}

export interface Named {
  readonly name: string;
  readonly path: string;
}

const SSH_RECIPIENT = /^ssh-(?:ed25519|rsa) [A-Za-z0-9+/]+=*$/;
const AGE_RECIPIENT = /^age1[a-z0-9]+$/;
const RULE = /^(?:(.+?): *)?((?:un)?encrypted_(?:suffix|regex)=.+)$/;

/** `age1… age1…`, or lines `NAME: age1… age1…`, which may go on below. Null: it is neither. */
export function parseRecipients(text: string): Pins["recipients"] | null {
  const pinned = new Map<string | null, string[]>();
  let name: string | null = null;
  for (const line of text.split(/[\n;]/)) {
    const named = /^\s*([^:]+):(.*)$/.exec(line);
    if (named !== null) name = (named[1] ?? "").trim();
    const found = recipientsIn(named?.[2] ?? line);
    if (found === null) return null;
    if (named !== null || found.length > 0) pinned.set(name, [...(pinned.get(name) ?? []), ...found]);
  }
  return [...pinned.values()].every((recipients) => recipients.length > 0) ? pinned : null;
}

/** One rule, or lines `NAME: RULE`. Null: it is neither. */
export function parseRules(text: string): Pins["rules"] | null {
  const pinned = new Map<string | null, string>();
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line === "") continue;
    const [, name = null, rule] = RULE.exec(line) ?? [];
    if (rule === undefined || pinned.has(name)) return null;
    pinned.set(name, rule);
  }
  return pinned;
}

/** A name that no listed bundle has, or a listed bundle without a pin; null: they fit. */
export function strayPin(pinned: Pinned<unknown>, bundles: readonly string[]): string | null {
  if (pinned.size === 0 || bundles.length === 0) return null;
  const listed = bundles.map((name) => ({ name, path: name }));
  const stray = [...pinned.keys()].find((name) => name !== null && !listed.some((one) => isNamed(one, name)));
  if (stray !== undefined && stray !== null) return `names ${stray}, which SIDECRYPT_BUNDLE does not list`;
  const free = listed.find((one) => pinFor(pinned, one) === undefined);
  return free === undefined ? null : `says nothing of ${free.name}`;
}

/** @throws SidecryptError `bundle-policy`, with what was added and what is missing */
export function requirePins(bundle: Named, { recipients, otherServices, rule }: Described, pins: Pins): void {
  if (pins.recipients.size > 0) {
    const pinned = (pinFor(pins.recipients, bundle) ?? []).map(comparable);
    const present = recipients.map(comparable);
    const differences = [
      ...present.filter((one) => !pinned.includes(one)).map((one) => `the recipient ${shown(one)} was added`),
      ...otherServices.map((service) => `the key service ${service} was added`),
      ...pinned.filter((one) => !present.includes(one)).map((one) => `the recipient ${one} is missing`),
    ];
    if (differences.length > 0) throw refusal(bundle, differences.join(", "), "SIDECRYPT_RECIPIENTS");
  }
  if (pins.rules.size > 0) {
    const [pinned = "none", present] = [pinFor(pins.rules, bundle), `${rule.field}=${rule.text}`];
    if (present !== pinned) {
      throw refusal(bundle, `its rule is ${shown(present)}, the pinned one is ${pinned}`, "SIDECRYPT_RULE");
    }
  }
}

function recipientsIn(text: string): string[] | null {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const found: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const isSsh = words[at]?.startsWith("ssh-") === true;
    const one = isSsh ? `${words[at] ?? ""} ${words[++at] ?? ""}` : (words[at] ?? "");
    if (!(isSsh ? SSH_RECIPIENT : AGE_RECIPIENT).test(one)) return null;
    found.push(one);
  }
  return found;
}

function pinFor<T>(pinned: Pinned<T>, bundle: Named): T | undefined {
  const own = [...pinned].find(([name]) => name !== null && isNamed(bundle, name));
  return own === undefined ? pinned.get(null) : own[1];
}

function isNamed({ name, path }: Named, pinned: string): boolean {
  return pinned === name || `/${path}`.endsWith(`/${pinned}`);
}

/** It stands in the file, where anybody may have written it. */
function shown(text: string): string {
  return /^[\x20-\x7e]{1,200}$/.test(text) ? text : "(of other than 1 to 200 printable characters)";
}

function refusal({ path }: Named, what: string, setting: string): SidecryptError {
  return new SidecryptError(
    "bundle-policy",
    `${path}: ${what}`,
    `restore the file from git and ask who changed it; where that is meant, change ${setting}`,
  );
}
