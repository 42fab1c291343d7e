/** Which names a file encrypts (sops.md §5): exactly zero or one rule; none means the suffix `_unencrypted`. */
import { SidecryptError } from "../errors.ts";
import { compilePattern } from "./regexp.ts";

export const RULE_FIELDS = ["unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex"] as const;
/** They let comments decide, and comments are not authenticated: refused by name. */
export const COMMENT_RULE_FIELDS = ["unencrypted_comment_regex", "encrypted_comment_regex"] as const;

export type RuleField = (typeof RULE_FIELDS)[number];

export interface Rule {
  readonly field: RuleField;
  readonly text: string;
  /** Whether sops would encrypt what stands under these keys: each of them is tested. */
  readonly encrypts: (path: readonly string[]) => boolean;
}

export const DEFAULT_RULE = makeRule("unencrypted_suffix", "_unencrypted");

export function makeRule(field: RuleField, text: string): Rule {
  switch (field) {
    case "unencrypted_suffix":
      return { field, text, encrypts: (path) => !path.some((key) => key.endsWith(text)) };
    case "encrypted_suffix":
      return { field, text, encrypts: (path) => path.some((key) => key.endsWith(text)) };
    case "unencrypted_regex": {
      const matches = compile(field, text);
      return { field, text, encrypts: (path) => !path.some(matches) };
    }
    case "encrypted_regex": {
      const matches = compile(field, text);
      return { field, text, encrypts: (path) => path.some(matches) };
    }
  }
}

/** sops takes a pattern that does not compile for "no match" and writes plaintext; here it stops the bundle. */
function compile(field: RuleField, text: string): (name: string) => boolean {
  const matches = compilePattern(text);
  if (matches !== null) return matches;
  throw new SidecryptError(
    "bundle-unsupported",
    `sops_${field} holds a pattern that sidecrypt does not read`,
    "use literals, classes, groups, alternation, anchors and repetition, or sops_unencrypted_suffix",
  );
}
