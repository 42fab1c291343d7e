/** Proof that nothing leaks. */
export const PROOF = {
  doctor: `usage: sidecrypt doctor [--compose FILE] [--json]

Looks for what will not work and what is odd, before the first start and later,
and prints each with the line to paste; names and places, never values. Changes
nothing, and needs no key.

In a checkout it asks docker compose for the rendered file, and the engine for
volumes, images and processes. In the sidecar's container (docker compose exec
secrets sidecrypt doctor) it looks at the running stack.

  --compose FILE   a Compose file; or a model that is rendered already (docker
                   compose config --format json), - for stdin [the file that
                   docker compose finds]
  --json           the same as JSON, for machines

Exit status: 0 if nothing has to be mended, warnings or not; 1 if something has;
2 if the Compose file cannot be read.

Example:
  $ sidecrypt doctor --compose compose.yaml`,

  scan: `usage: sidecrypt scan [--git] [--staged] [--compose FILE] [PATH...]

Looks for the secrets of the bundle, in every encoding that it knows, and for
what looks like a key or a token, whoever's it is. Prints names and places,
never a value. PATH is a file or a directory; - is stdin.

  --git            every object of the repository: also what was deleted,
                   amended away or stashed
  --staged         what the next commit would add, for a pre-commit hook
  --compose FILE   a Compose file, rendered by docker compose: what would leak
                   before anything is started
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

  verify: `usage: sidecrypt verify [--canary] [--images] [--json] [--strict] [--watch TIME]

Looks for every value of the bundle, in every usual encoding, everywhere that
the engine shows something of the project: inspect, processes, logs, events,
changed files, images, volumes, networks. Looks at the drops and at who else on
the host reaches them. Plants leaks of its own first, in a throw-away container,
and calls nothing clean unless it finds them all. Never prints a value.

  --json         the report as JSON
  --sarif        as SARIF 2.1.0, for code scanning
  --github       as annotations of GitHub Actions
  --strict       warnings, and values too weak to search for, fail it too
  --watch TIME   look for so long at what passes: processes, exec instances,
                 health output, new log lines and events
  --images       the files in every layer of the images too, as docker save
                 writes them: takes as long, and as much of the engine's disk
  --canary       on a host with Docker's command line, without any key: brings
                 the Compose file up with random values, verifies that stack
                 and takes it down; refused where the real one runs
  --compose FILE the Compose file of the canary [the one that Compose finds]
  --bundle FILE  the encrypted file whose names it takes [the one mounted]

Exit status: 0 clean and complete, 1 a leak, 2 something to be mended,
3 incomplete: something could not be looked at, 6 no engine answers.

Example:
  $ docker compose exec secrets sidecrypt verify
  $ sidecrypt verify --canary --compose compose.yaml`,
} as const;
