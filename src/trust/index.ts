/** Who may change a bundle, and in what: signatures, pinned recipients and rules, no way back. Pure. */
export { requireSigner, SIGNATURE_SUFFIX, type Signed, type Signer } from "./authorship.ts";
export { refuseOlder, type AllowOlder, type Dated } from "./older.ts";
export { parseRecipients, parseRules, requirePins, strayPin, type Pinned, type Pins } from "./pins.ts";
export { parseSigningKey } from "./private-key.ts";
export { parseSigners, type AllowedSigner } from "./signers.ts";
