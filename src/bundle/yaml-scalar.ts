/** What a YAML scalar means to sops' go-yaml, and how one is written so that every reader of YAML takes it for the same. */
import type { ScalarNode } from "./tree.ts";
import { isCanonical, scalarOfNumber } from "./types.ts";

const NULL = /^(?:|~|null|Null|NULL)$/;
const TRUE = /^(?:true|True|TRUE)$/;
const FALSE = /^(?:false|False|FALSE)$/;
const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][-+]?\d+)?)?$/;
/** Beyond int64 go-yaml makes an unsigned one of it, which sops does not know. */
const UNSIGNED = /^\d{19,20}$/;
/** Numbers of some dialect: octal, hexadecimal, grouped, with a sign or an exponent; infinities; times. */
const ODD = [
  /^[-+]?0[xobXOB]?[\da-fA-F_]+$/,
  /^[-+]?[\d_]*\.?[\d_]+(?:[eE][-+]?\d+)?$/,
  /^[-+]?\d[\d_]*\.(?:[eE][-+]?\d+)?$/,
  /^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$/,
  /^\d{4}-\d\d?-\d\d?(?:$|[Tt \t])/,
];
/** Booleans of YAML 1.1: text to sops, something else to others. */
const OLD_WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const PLAIN = /^[A-Za-z0-9_./][A-Za-z0-9_./@%^$()~=;-]*$/;
const SEALED = /^ENC\[AES256_GCM,[A-Za-z0-9+/=:,_]+\]$/;
/** What go-yaml refuses unescaped, and what editors hide. */
const UNPRINTABLE = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028\u2029\u202a-\u202e\ufeff\ufffe\uffff]/g;

/** Null: readers of YAML differ on it. */
export function resolvePlain(text: string): Pick<ScalarNode, "type" | "text"> | null {
  if (NULL.test(text)) return { type: "none", text: "" };
  if (TRUE.test(text)) return { type: "bool", text: "True" };
  if (FALSE.test(text)) return { type: "bool", text: "False" };
  // No number is that long, and a ciphertext need not be searched for one.
  if (text.length > 350) return { type: "str", text };
  // An integer to go-yaml, and no integer has a sign at zero; a float does: -0.0.
  if (text === "-0") return { type: "int", text: "0" };
  if (UNSIGNED.test(text) && !isCanonical("int", Buffer.from(text))) return null;
  if (DECIMAL.test(text)) return scalarOfNumber(text);
  return ODD.some((pattern) => pattern.test(text)) ? null : { type: "str", text };
}

/** @param indent - column of the key; null: between brackets. */
export function writeScalar(text: string, indent: number | null): string {
  if (indent !== null && SEALED.test(text)) return text;
  if (PLAIN.test(text) && !OLD_WORDS.test(text) && resolvePlain(text)?.type === "str") return text;
  return indent !== null && isLiteral(text) ? literal(text, indent) : quote(text);
}

export function quote(text: string): string {
  return JSON.stringify(text).replace(
    UNPRINTABLE,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export function writeKey(name: string): string {
  return OLD_WORDS.test(name) ? quote(name) : name;
}

/** Several lines that can stand as they are: a key file stays readable in an editor. */
function isLiteral(text: string): boolean {
  if (!text.includes("\n") || /^[\s#]|[\r\t]|\n\n$| $| \n/.test(text)) return false;
  return !/[\u0000-\u0008\u000b-\u001f]/.test(text) && text.search(UNPRINTABLE) < 0;
}

function literal(text: string, indent: number): string {
  const margin = " ".repeat(indent + 4);
  const body = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
  const lines = body.map((line) => (line === "" ? "" : margin + line));
  return `${text.endsWith("\n") ? "|" : "|-"}\n${lines.join("\n")}`;
}
