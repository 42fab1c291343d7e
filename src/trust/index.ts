/** Who may change a bundle, and in what: signatures, pinned recipients and rules, no way back. Pure. */
export { requireSigner, SIGNATURE_SUFFIX, type Signed, type Signer } from "./authorship.ts";
export { parseSigners, type AllowedSigner } from "./signers.ts";
