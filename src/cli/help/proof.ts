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

  verify: `usage: sidecrypt verify [--json] [--strict] [--watch TIME]

Looks for every value of the bundle, in every usual encoding, everywhere that
the engine shows something of the project: inspect, processes, logs, events,
changed files, images, volumes, networks. Looks at the drops and at who else on
the host reaches them. Plants leaks of its own first, in a throw-away container,
and calls nothing clean unless it finds them all. Never prints a value.

  --json         the report as JSON
  --sarif        as SARIF 2.1.0, for code scanning
  --github       as annotations of GitHub Actions
  --strict       warnings, and values too weak to search for, fail it too
  --watch TIME   look at the processes for so long: one may live for a second

Exit status: 0 clean and complete, 1 a leak, 2 something to be mended,
3 incomplete: something could not be looked at.

Example:
  $ docker compose exec secrets sidecrypt verify`,
} as const;
