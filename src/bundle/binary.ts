/**
 * SOPS' binary form: a whole file as the one value `data` of a JSON file (sops.md §2.3); what `sops encrypt` makes of
 * `.env.production`. By content it cannot be told from a JSON file of that one secret, so the plaintext decides: it is
 * under the MAC. A dotenv file inside is opened as such; anything else is one secret, `data`. sops encrypts one without
 * a rule and writes the default rule into it when it changes it: what is no text has been a binary file even so.
 */
import type { Document } from "./document.ts";
import { dotenv, METADATA_PREFIX } from "./dotenv.ts";
import { nameFault } from "./names.ts";

export const BINARY_KEY = "data";

export function isBinaryShape({ leaves, metadata }: Document): boolean {
  const [leaf] = leaves;
  return (
    leaves.length === 1 &&
    leaf?.path.length === 1 &&
    leaf.name === BINARY_KEY &&
    leaf.type === "str" &&
    metadata !== null
  );
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString()).equals(bytes);
}

/** JSON holds text: a file of that shape whose value is none was never JSON, and one without a rule sops made as binary. */
export function isBinaryContent(bytes: Buffer, hasRule: boolean): boolean {
  return !hasRule || bytes.includes(0) || !isText(bytes);
}

/** Null: the bytes are no dotenv file. */
export function innerDotenv(bytes: Buffer): Document | null {
  const lines = bytes.toString("latin1").split("\n");
  if (!lines.every((line) => line === "" || line.startsWith("#") || isEntry(line))) return null;
  const document = dotenv.parse(bytes);
  return document.leaves.length === 0 ? null : document;
}

function isEntry(line: string): boolean {
  const name = line.slice(0, Math.max(0, line.indexOf("=")));
  // A name that is refused makes it no less a dotenv file: it must be refused, not delivered as a whole.
  return !name.startsWith(METADATA_PREFIX) && nameFault(name)?.code !== "bundle-malformed";
}
