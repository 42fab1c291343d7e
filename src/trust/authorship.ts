/** Who made a bundle: SOPS with age does not say (sops.md §11.1), a detached signature by an allowed key does. Pure. */
import { SidecryptError } from "../errors.ts";
import { matchesList } from "./pattern.ts";
import { NAMESPACE, parseSignature, signsMessage, type SshSignature } from "./signature.ts";
import type { AllowedSigner } from "./signers.ts";

/** Beside the bundle. */
export const SIGNATURE_SUFFIX = ".sig";

export interface Signed {
  /** Of the bundle, for messages. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** What stands beside it; null: nothing. */
  readonly signature: Uint8Array | null;
}

export interface Signer {
  readonly principals: string;
  /** `SHA256:…` of the key. */
  readonly fingerprint: string;
}

/**
 * Whose signature it is. As `ssh-keygen -Y verify`: the signature fits first, then a line is looked for whose key,
 * namespaces and times allow it. `now` in milliseconds.
 * @throws SidecryptError `bundle-unsigned`, `bundle-signature`, `bundle-signer`
 */
export function requireSigner(
  { path, bytes, signature }: Signed,
  signers: readonly AllowedSigner[],
  now: number,
): Signer {
  const file = `${path}${SIGNATURE_SUFFIX}`;
  if (signature === null) throw refusal("bundle-unsigned", `${path} is not signed: there is no ${file}`, path);
  const parsed = parseSignature(signature);
  if ("fault" in parsed) throw refusal("bundle-signature", `${file}: ${parsed.fault}`, path);
  if (parsed.namespace !== NAMESPACE) {
    throw refusal("bundle-signature", `${file} was not made for the namespace ${NAMESPACE}`, path);
  }
  if (!signsMessage(parsed, bytes)) {
    throw refusal(
      "bundle-signature",
      `${path} is not what ${file} signs: one of the two is newer than the other`,
      path,
    );
  }
  return allowedSigner(parsed, { file, signers, now });
}

interface Allowing {
  readonly file: string;
  readonly signers: readonly AllowedSigner[];
  readonly now: number;
}

function allowedSigner({ key }: SshSignature, { file, signers, now }: Allowing): Signer {
  const lines = signers.filter((signer) => signer.key.blob.equals(key.blob));
  const reasons = lines.map((signer) => [signer, whyNot(signer, now)] as const);
  const allowed = reasons.find(([, reason]) => reason === null)?.[0];
  if (allowed !== undefined) return { principals: allowed.principals, fingerprint: key.fingerprint };
  const [known] = reasons;
  const why =
    known === undefined
      ? "which is no allowed signer"
      : `${known[0].principals} (line ${known[0].line}), ${known[1] ?? ""}`;
  throw new SidecryptError(
    "bundle-signer",
    `${file} was made by the key ${key.fingerprint}, ${why}`,
    "let somebody sign who may, or change the file that SIDECRYPT_ALLOWED_SIGNERS names",
  );
}

/** Null: it may sign. */
function whyNot({ namespaces, validAfter, validBefore }: AllowedSigner, now: number): string | null {
  if (namespaces !== null && !matchesList(NAMESPACE, namespaces)) return `who may not sign for ${NAMESPACE}`;
  // Whole seconds, and both ends count, as in sshsig.c.
  const second = Math.floor(now / 1000) * 1000;
  if (validAfter !== null && second < validAfter) return `who may not sign before ${timeText(validAfter)}`;
  if (validBefore !== null && second > validBefore) return `who may not sign any more since ${timeText(validBefore)}`;
  return null;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(".000", "");
}

function refusal(code: "bundle-unsigned" | "bundle-signature", message: string, path: string): SidecryptError {
  return new SidecryptError(code, message, `look at what changed, then sign it: sidecrypt sign ${path} --key KEYFILE`);
}
