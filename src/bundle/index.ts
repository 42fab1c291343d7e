/** SOPS itself, dotenv with age keys: bytes in, verified values out, and back. No I/O, no clock. */
export { generateIdentity, parseIdentities, recipientsOf, type Identities } from "./identities.ts";
export { merge } from "./merge.ts";
export { open, type OpenOptions } from "./open.ts";
export { createBundle, rewrap, setSecret, type SetOptions } from "./seal.ts";
export { looksLikeBundle, sniff, type BundleFormat } from "./sniff.ts";
