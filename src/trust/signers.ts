/**
 * The file that says who may sign: OpenSSH's allowed_signers (ssh-keygen(1), ALLOWED SIGNERS; sshsig.c). Its lines are
 * read as ssh-keygen reads them; one that it would skip or stop at refuses the whole file here, since nothing is guessed.
 */
import { SidecryptError } from "../errors.ts";
import { isKeyType, parsePublicKey, type PublicKey } from "./public-key.ts";
import { exactBase64 } from "../ssh-wire.ts";

export interface AllowedSigner {
  readonly line: number;
  /** As they stand: names or patterns, separated by commas. */
  readonly principals: string;
  readonly key: PublicKey;
  /** Patterns; null: every namespace. */
  readonly namespaces: string | null;
  /** Milliseconds since the epoch, both inclusive; null: no limit. */
  readonly validAfter: number | null;
  readonly validBefore: number | null;
}

interface Options {
  namespaces?: string;
  validAfter?: number;
  validBefore?: number;
}

/**
 * @param path - for messages only.
 * @throws SidecryptError `signers-invalid`
 */
export function parseSigners(text: string, path: string): readonly AllowedSigner[] {
  const signers: AllowedSigner[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const parsed = parseLine(line, index + 1);
    if (typeof parsed === "string") throw invalid(`${path}, line ${index + 1}: ${parsed}`);
    signers.push(parsed);
  }
  if (signers.length === 0) throw invalid(`${path} names no signer`);
  return signers;
}

/** A text says what is wrong with it. */
function parseLine(text: string, line: number): AllowedSigner | string {
  const [, quoted, plain, rest = ""] = /^(?:"([^"]*)"|([^\s"]+))\s+(.*)$/.exec(text) ?? [];
  const principals = quoted ?? plain;
  if (principals === undefined || principals === "") return "it is not PRINCIPALS [OPTIONS] TYPE KEY";
  const [options, keyText] = splitOptions(rest);
  if (keyText === null) return "a quote in its options is never closed";
  const read = options === "" ? {} : parseOptions(options);
  if (typeof read === "string") return read;
  const key = parseKey(keyText);
  if (typeof key === "string") return key;
  const { namespaces = null, validAfter = null, validBefore = null } = read;
  return { line, principals, key, namespaces, validAfter, validBefore };
}

function parseKey(text: string): PublicKey | string {
  const [type = "", base64 = ""] = text.split(/[ \t]+/);
  if (!isKeyType(type)) return "it has no key, or one of a type that OpenSSH does not have";
  const blob = exactBase64(base64);
  const key = blob === null ? { fault: "its key is no base64" } : parsePublicKey(blob);
  if ("fault" in key) return key.fault;
  return key.type === type ? key : `its key is of the type ${key.type}, not ${type}`;
}

/** Options up to the first blank outside of quotes; none where the key follows at once. Null: a quote is open. */
function splitOptions(text: string): readonly [string, string | null] {
  if (isKeyType(text.split(/[ \t]/)[0] ?? "")) return ["", text];
  const options = /^(?:\\"|"(?:\\"|[^"])*"|[^\s"])*/.exec(text)?.[0] ?? "";
  const rest = text.slice(options.length);
  return [options, rest.startsWith('"') ? null : rest.trimStart()];
}

function parseOptions(text: string): Options | string {
  const options: Options = {};
  let rest = text;
  for (;;) {
    const [all = "", name = "", value] = /^([a-z-]+)(?:="((?:\\"|[^"])*)")?/i.exec(rest) ?? [];
    const fault = addOption(options, name.toLowerCase(), value?.replaceAll('\\"', '"'));
    if (fault !== null) return fault;
    rest = rest.slice(all.length);
    if (rest === "") break;
    if (!rest.startsWith(",") || rest === ",")
      return "its options do not parse: separate them by commas, without blanks";
    rest = rest.slice(1);
  }
  const { validAfter, validBefore } = options;
  if (validAfter !== undefined && validBefore !== undefined && validBefore <= validAfter) {
    return "its valid-before is not after its valid-after";
  }
  return options;
}

/** What is wrong with it, or null. */
function addOption(options: Options, name: string, value: string | undefined): string | null {
  switch (name) {
    case "cert-authority":
      return "cert-authority is not supported: name the signers' own keys";
    case "namespaces":
      if (value === undefined) return 'namespaces wants a value in quotes, such as namespaces="sidecrypt"';
      if (options.namespaces !== undefined) return "namespaces stands twice";
      options.namespaces = value;
      return null;
    case "valid-after":
    case "valid-before": {
      const field = name === "valid-after" ? "validAfter" : "validBefore";
      if (options[field] !== undefined) return `${name} stands twice`;
      const time = value === undefined ? null : parseTime(value);
      if (time === null) return `${name} wants a time in quotes, such as ${name}="20270131Z"`;
      options[field] = time;
      return null;
    }
    default:
      return "it has an option that is none of namespaces, valid-after and valid-before";
  }
}

/** YYYYMMDD[HHMM[SS]][Z]: with Z in UTC, without it in the local time zone, as ssh-keygen has it (misc.c). */
export function parseTime(text: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/i.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part || 0));
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const fields = [
    utc.getUTCFullYear(),
    utc.getUTCMonth() + 1,
    utc.getUTCDate(),
    utc.getUTCHours(),
    utc.getUTCMinutes(),
  ];
  if (fields.join() !== [year, month, day, hour, minute].join() || second > 59 || utc.getTime() <= 0) return null;
  return match[7] === "" ? new Date(year, month - 1, day, hour, minute, second).getTime() : utc.getTime();
}

function invalid(message: string): SidecryptError {
  return new SidecryptError(
    "signers-invalid",
    message,
    'one signer a line: alice@example.com namespaces="sidecrypt" ssh-ed25519 AAAA…',
  );
}
