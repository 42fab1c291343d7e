/** Plaintext documents, before anything has parsed them. */
import { sniff, type Format } from "../bundle/index.ts";
import type { Redactor } from "../report/redact.ts";

export const FORMATS = ["dotenv", "json", "yaml", "ini", "binary"] as const satisfies readonly Format[];

const BY_SUFFIX: readonly (readonly [suffix: string, format: Format])[] = [
  [".env", "dotenv"],
  [".json", "json"],
  [".yaml", "yaml"],
  [".yml", "yaml"],
  [".ini", "ini"],
];

/**
 * By the end of the name, as sops. A `.env.production` or `.env.enc` is binary to sops, which hides even the names of
 * what its owner takes for an env file (sops.md §2.1): here it is what it looks like.
 */
export function formatByName(path: string, bytes: Uint8Array): Format {
  const known = BY_SUFFIX.find(([suffix]) => path.endsWith(suffix));
  if (known !== undefined) return known[1];
  return /\.env\.[^/]*$/.test(path) && sniff(bytes) === "plain-dotenv" ? "dotenv" : "binary";
}

/** Whatever may be a value in it, before a message could be printed. */
export function rememberPlaintext(bytes: Uint8Array, redactor: Redactor): void {
  const lines = Buffer.from(bytes).toString().split("\n");
  const values = lines.flatMap((line) => {
    const value = /^[^=:]*[=:]\s*(.+)$/.exec(line)?.[1]?.trim();
    return value === undefined ? [] : [value, value.replace(/^["']|["'],?$/g, "")];
  });
  redactor.remember(values.map((value) => Buffer.from(value)));
}
