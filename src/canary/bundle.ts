/** A bundle of canaries in the format, with the names and under the rule of the real one. */
import { describeBundle, encryptPlain } from "../bundle/index.ts";
import { canaryDocument, type Random } from "./document.ts";

export interface CanaryOptions {
  /** Public age key of the canary's own. */
  readonly recipient: string;
  readonly now: Date;
  readonly allowEmpty: ReadonlySet<string>;
  readonly random: Random;
}

/** Needs no key of the real bundle. @throws SidecryptError `bundle-format` and the like, as `check` would */
export function canaryBundle(bytes: Uint8Array, { random, ...options }: CanaryOptions): Promise<Uint8Array> {
  const { format, rule } = describeBundle(bytes);
  const { recipient, now, allowEmpty } = options;
  const plain = canaryDocument(Buffer.from(bytes).toString(), format, random);
  return encryptPlain(Buffer.from(plain), format, { recipients: [recipient], rule, now, allowEmpty });
}
