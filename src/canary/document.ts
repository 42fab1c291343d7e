/**
 * An encrypted bundle → the plaintext document that it would be, with a canary for each value. Needs no key: SOPS leaves
 * names and types readable (sops.md §3.3). Pure but for the random bytes, which are passed in.
 */
import type { Format } from "../bundle/index.ts";

export type Random = (bytes: number) => Uint8Array;

const ENCRYPTED = /"?ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:[^,\]]*,tag:[^,\]]*,type:(\w+)\]"?/g;
/** 128 bits: nothing that is found is a coincidence (tmpfs-and-leaks.md §1.4). */
const RANDOM_BYTES = 16;
/** As long as the original, so that files and drops are as large; a longer one is a certificate, not a key. */
const LONGEST = 4096;
/** Digits that both an int64 and a float64 hold exactly. */
const DIGITS = 15;

export function canaryDocument(text: string, format: Format, random: Random): string {
  // One value, whatever it is.
  if (format === "binary") return canaryFor("str", 0, random);
  const quoted = format === "json" ? '"' : "";
  const plain = text.replace(ENCRYPTED, (match, data: string, type: string) => {
    // YAML may quote what it need not.
    const quote = type === "str" && match.startsWith('"') ? '"' : type === "str" ? quoted : "";
    return `${quote}${canaryFor(type, Math.floor((data.replace(/=+$/, "").length * 3) / 4), random)}${quote}`;
  });
  return withoutMetadata(plain, format);
}

/** A number stays a number and a switch a switch, so that a bot that parses its settings gets as far as its login. */
function canaryFor(type: string, length: number, random: Random): string {
  if (type === "comment") return " canary";
  if (type === "bool") return "true";
  const digits = [...random(DIGITS)].map((byte) => byte % 10).join("");
  if (type === "int") return digits.replace(/^0/, "1");
  if (type === "float") return `0.${digits.replace(/0$/, "1")}`;
  const word = `canary${hex(random(RANDOM_BYTES))}`;
  const missing = Math.min(length, LONGEST) - word.length;
  return missing <= 0 ? word : word + hex(random(Math.ceil(missing / 2))).slice(0, missing);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function withoutMetadata(text: string, format: Format): string {
  if (format === "yaml") return text.replace(/^sops:[^\n]*\n(?:(?:[ #-][^\n]*)?\n)*/m, "");
  if (format !== "json") return text.replace(/^sops_[^\n]*\n?/gm, "");
  const document = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(Object.fromEntries(Object.entries(document).filter(([key]) => key !== "sops")), null, "\t");
}
