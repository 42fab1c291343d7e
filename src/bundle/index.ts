/** SOPS itself with age keys: bytes in, verified values out, and back. No I/O, no clock. */
export { abbreviate } from "./datakey.ts";
export { brokenRecipients, describeBundle, type Description, openDescribed } from "./describe.ts";
export {
  generateIdentity,
  parseIdentities,
  readIdentities,
  recipientsOf,
  type Identities,
  type KeyText,
} from "./identities.ts";
export { merge } from "./merge.ts";
export { namesWithoutKey } from "./outline.ts";
export { open, type OpenOptions } from "./open.ts";
export { decryptKeyFile, isEncryptedKeyFile } from "./passphrase.ts";
export type { Format } from "./document.ts";
export {
  createBundle,
  decryptPlain,
  editPlain,
  encryptPlain,
  type EncryptOptions,
  type PlainDocument,
} from "./plain.ts";
export type { RuleField } from "./rule.ts";
export { rewrap, setSecret, unsetSecret, withRecipients, type SetOptions } from "./seal.ts";
export { looksLikeBundle, sniff, type BundleFormat } from "./sniff.ts";
