/**
 * What a file is, by its content (sops.md §2.1: names lie, `.env.enc` is binary to sops). One metadata line or one
 * encrypted line is enough: a bundle that lost its MAC to a forger must be opened and refused as dotenv, not passed
 * over as something else.
 */
import { splitLines } from "./dotenv.ts";

/** A binary file is JSON by its content. */
export type BundleFormat = "dotenv" | "json" | "yaml" | "ini" | "plain-dotenv" | "other";

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const DOTENV_ENC = "=ENC[AES256_GCM,";
const OBJECT_ENC = '"ENC[AES256_GCM,';
const YAML_ENC = ": ENC[AES256_GCM,";
const PLAIN_ENTRY = /^(?:export\s+)?[A-Za-z_][A-Za-z0-9_.-]*\s*=/;

export function sniff(bytes: Uint8Array): BundleFormat {
  const text = withoutBom(bytes);
  if (startsObject(text)) return isSopsObject(text) ? "json" : "other";
  if (some(text, isSopsDotenv)) return "dotenv";
  if (some(text, isSopsYaml)) return "yaml";
  if (some(text, isSopsIni)) return "ini";
  return isPlainDotenv(text) ? "plain-dotenv" : "other";
}

/** A line that only a bundle holds. */
export function isSopsDotenv(line: Buffer): boolean {
  return /^sops_\w*=/.test(line.toString("latin1", 0, 200)) || line.includes(DOTENV_ENC);
}

function isSopsYaml(line: Buffer): boolean {
  return line.subarray(0, 5).equals(Buffer.from("sops:")) || line.includes(YAML_ENC);
}

function isSopsIni(line: Buffer): boolean {
  return line.toString("latin1", 0, 8).trimEnd() === "[sops]" || line.includes(" = ENC[AES256_GCM,");
}

function isSopsObject(text: Buffer): boolean {
  return text.includes('"sops"') || text.includes(OBJECT_ENC);
}

function isPlainDotenv(text: Buffer): boolean {
  let entries = 0;
  for (const line of splitLines(text)) {
    const start = line.toString("latin1", 0, 400).trim();
    if (start === "" || start.startsWith("#")) continue;
    if (!PLAIN_ENTRY.test(start)) return false;
    entries += 1;
  }
  return entries > 0;
}

function startsObject(text: Buffer): boolean {
  for (const byte of text) if (!" \t\r\n".includes(String.fromCharCode(byte))) return byte === 0x7b;
  return false;
}

function some(text: Buffer, test: (line: Buffer) => boolean): boolean {
  for (const line of splitLines(text)) if (test(line)) return true;
  return false;
}

function withoutBom(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return text.subarray(0, BOM.length).equals(BOM) ? text.subarray(BOM.length) : text;
}

/** The one that is not opened counts too: the file that is there is refused by name, not overlooked. */
export function looksLikeBundle(bytes: Uint8Array): boolean {
  return !["plain-dotenv", "other"].includes(sniff(bytes));
}
