/**
 * The one error class. Its code decides the exit status; its message is lower case, names the object and holds no
 * value; its hint is the next command or the line to paste.
 */

/** Exit status by code: 2 usage and configuration, 3 bundle, 4 consumer, 5 drop, 6 engine, 7 roll, 70 a defect of ours. */
export const EXIT_STATUS = {
  usage: 2,
  "config-invalid": 2,
  "canary-refused": 2,
  "key-in-environment": 2,
  "debug-in-environment": 2,
  "signers-invalid": 2,
  "state-unwritable": 2,
  "daemon-unreachable": 2,
  "rules-invalid": 2,
  "not-in-memory": 2,
  "editor-failed": 2,

  "bundle-missing": 3,
  "bundle-ambiguous": 3,
  "bundle-conflict": 3,
  "bundle-unreadable": 3,
  "bundle-single-file": 3,
  "bundle-too-large": 3,
  "bundle-format": 3,
  "bundle-malformed": 3,
  "bundle-not-encrypted": 3,
  "bundle-forged": 3,
  "bundle-mac": 3,
  "bundle-unsigned": 3,
  "bundle-signature": 3,
  "bundle-signer": 3,
  "bundle-policy": 3,
  "bundle-older": 3,
  "bundle-empty-value": 3,
  "bundle-unsupported": 3,
  "bundle-changed": 3,
  "bundle-unwritable": 3,
  "key-unreadable": 3,
  "key-malformed": 3,
  "key-no-match": 3,
  "value-unstorable": 3,

  "label-invalid": 4,
  "secret-missing": 4,
  "drop-unpaired": 4,
  "drop-conflict": 4,
  "env-shadows-secret": 4,
  "order-cycle": 4,
  "not-supported": 4,
  "nothing-committed": 4,
  "render-failed": 4,

  "drop-not-memory": 5,
  "drop-second-writer": 5,
  "drop-unwritable": 5,
  "drop-full": 5,
  "drop-mismatch": 5,
  "drop-split": 5,

  "docker-unreachable": 6,
  "docker-forbidden": 6,
  "docker-too-old": 6,
  "docker-refused": 6,
  "self-unknown": 6,
  "canary-failed": 6,

  "roll-failed": 7,
  "roll-unfaithful": 7,
  "rollback-failed": 7,
  "budget-spent": 7,

  internal: 70,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;

export class SidecryptError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, hint?: string) {
    super(message);
    this.name = "SidecryptError";
    this.code = code;
    this.hint = hint;
  }
}

/**
 * What may be said of anything thrown. A library's message can hold a value (tmpfs-and-leaks.md §4.3), so that of a
 * foreign error is dropped; a system error keeps its code.
 */
export function toSidecryptError(thrown: unknown): SidecryptError {
  if (thrown instanceof SidecryptError) return thrown;
  const code = systemCode(thrown);
  const kind = thrown instanceof Error ? thrown.constructor.name : typeof thrown;
  return new SidecryptError("internal", `unexpected ${code ?? kind}`, "please report it: it is a defect of sidecrypt");
}

/** `ENOENT` and the like; null for anything that is not a system error. */
export function systemCode(thrown: unknown): string | null {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") return thrown.code;
  return null;
}
