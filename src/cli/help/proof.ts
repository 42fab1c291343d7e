/** Proof that nothing leaks. */
export const PROOF = {
  scan: `usage: sidecrypt scan [--git] [--staged] [PATH...]

Looks for the secrets of the bundle, in every encoding that it knows, and for
what looks like a key or a token, whoever's it is. Prints names and places,
never a value. PATH is a file or a directory; - is stdin.

  --git            every object of the repository: also what was deleted,
                   amended away or stashed
  --staged         what the next commit would add, for a pre-commit hook
  --bundle FILE    the bundle [those that the daemon would take]
  --no-bundle      without bundle and key: only what looks like a key
  --json           the report as JSON
  --report         write it to reports/security/latest.json too

The key comes from SOPS_AGE_KEY_FILE. What may stand: patterns in
.sidecryptignore below a comment that says why; on one line, a comment
"sidecrypt:allow REASON".

Exit status: 0 nothing found, 1 found, 3 not everything could be looked at, or
the bundle does not open.

Example:
  $ SOPS_AGE_KEY_FILE=age.key sidecrypt scan --bundle prod.enc.env --git logs/`,
} as const;
