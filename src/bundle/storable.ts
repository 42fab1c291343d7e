/** What `set` may put into a bundle: only what sops and every reading of ours give back byte for byte. */
import { SidecryptError } from "../errors.ts";
import { meaningOf } from "./meaning.ts";
import { METADATA_PREFIX } from "./dotenv.ts";
import { nameFault } from "./names.ts";

export function requireStorableName(name: string): void {
  if (name.startsWith(METADATA_PREFIX)) {
    throw new SidecryptError("value-unstorable", "names that start with sops_ belong to SOPS", "SOPS_… is free");
  }
  const fault = nameFault(name);
  if (fault !== null) throw new SidecryptError("value-unstorable", fault.message, fault.hint);
}

export function requireStorableValue(name: string, value: Buffer, inDotenv: boolean, mayBeEmpty: boolean): void {
  if (value.length === 0 && !mayBeEmpty) {
    const message = `${name} would be empty: SOPS does not authenticate empty values`;
    throw new SidecryptError("bundle-empty-value", message, `if it is meant: SIDECRYPT_ALLOW_EMPTY=${name}`);
  }
  const fault = faultOf(value) ?? (inDotenv ? dotenvFault(value) : null);
  if (fault === null) return;
  throw new SidecryptError("value-unstorable", `the value of ${name} ${fault.message}`, fault.hint);
}

interface StorageFault {
  readonly message: string;
  readonly hint: string;
}

/** Null: JSON and YAML hold it. */
function faultOf(value: Buffer): StorageFault | null {
  if (value.includes(0)) return { message: "holds a NUL byte", hint: ENCODE };
  return isUtf8(value) ? null : { message: "is not UTF-8 text", hint: ENCODE };
}

/** Null: dotenv holds it as well. */
function dotenvFault(value: Buffer): StorageFault | null {
  if (value.includes("\\n"))
    return { message: "holds a backslash-n, which dotenv reads as a line break", hint: JSON_WAY };
  if (value.at(-1) === 0x0d)
    return { message: "ends in a carriage return", hint: "remove it: it is part of a Windows line end" };
  if (!meaningOf(value).bytes.equals(value))
    return { message: "stands in quotes, which dotenv readers remove", hint: JSON_WAY };
  return null;
}

function isUtf8(value: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(value);
    return true;
  } catch {
    return false;
  }
}

const JSON_WAY = "SOPS' JSON holds such text: keep the bundle as JSON instead (README, Formats), or store it in base64";
const ENCODE = "store it in base64 and let the consumer decode it";
