/** In the sidecar's container, beside the daemon. */
export const SIDECAR = {
  run: `usage: sidecrypt run

Runs the daemon: opens the bundle, delivers each consumer's secrets, watches for
a new bundle and rolls what changed, until SIGTERM. The log is JSON on stdout.

Settings come from the environment (default in brackets):
  SIDECRYPT_BUNDLE       file name in the bundle directory, or a path; several,
                         separated by commas [the only bundle in it]
  SIDECRYPT_BUNDLE_DIR   [/bundle]
  SOPS_AGE_KEY_FILE      age identities [/run/age.key]
  SOPS_AGE_SSH_PRIVATE_KEY_FILE  SSH private key beside them, or instead
  SIDECRYPT_PASSPHRASE_FILE  passphrase of an identity file that is under one
  SIDECRYPT_ALLOWED_SIGNERS file of keys that may sign bundles, as OpenSSH's
                         allowed_signers; unset: no signature is asked for
  SIDECRYPT_RECIPIENTS   the recipients that a bundle has to have
  SIDECRYPT_RULE         the encryption rule that a bundle has to have
  SIDECRYPT_ALLOW_OLDER  a bundle older than the one committed last: yes, no, or
                         digests of those that are taken [yes]
  SIDECRYPT_STATE        small persistent volume [/state]
  DOCKER_HOST            [unix:///var/run/docker.sock]
  SIDECRYPT_API_TIMEOUT  longest wait for an answer of the engine [1m]
  SIDECRYPT_ALLOW_EMPTY  names that may have an empty value
  SIDECRYPT_DOTENV       what quotes in a dotenv bundle mean: compose or raw
                         [compose]
  SIDECRYPT_DEBOUNCE     quiet after a file event [50ms]
  SIDECRYPT_POLL         between looks that no event asked for [10s]
  SIDECRYPT_PARALLELISM  units that are rolled at once [1]
  SIDECRYPT_MIN_INTERVAL between the starts of two rolls of one consumer; 0s:
                         none [10s]
  SIDECRYPT_BUDGET       rolls of one consumer in a time; once they are spent,
                         it is not rolled for as long, or until retry; off: no
                         budget [10/10m]
  SIDECRYPT_STOP_GRACE   for a roll under way at SIGTERM; less than the
                         service's stop_grace_period [50s]
  SIDECRYPT_LOG_LEVEL    info, warn or error [info]

Example:
  $ docker compose up -d secrets`,

  status: `usage: sidecrypt status [--json]

Prints what each consumer has: which generation and since when, whether it is
refused, quarantined or held back and why, and whether a roll of it proves
anything (unproven: neither a healthcheck nor a probe).

  --json   the same as JSON, for machines

Exit status: 0 if nothing needs a person; otherwise the class of the first of
these: the bundle's fault, faults of engine, drops and state, faults of
consumers by name. 1: unhealthy for none of these reasons. 2: no daemon.

Example:
  $ docker compose exec secrets sidecrypt status`,

  plan: `usage: sidecrypt plan [--json]

Prints what the daemon would do now, for whom, and why: names and causes, never
values. Changes nothing.

  --json   the same as JSON, for machines

Example:
  $ docker compose exec secrets sidecrypt plan`,

  retry: `usage: sidecrypt retry [SERVICE]

Tries again what failed and is quarantined, and rolls what waits for its minimum
interval or its budget: for one service and those that roll together with it, or
for all. A new value in the bundle needs no retry.

Example:
  $ docker compose exec secrets sidecrypt retry bot1`,

  health: `usage: sidecrypt health

Asks the daemon whether every consumer has a complete generation on its drop.
A refused newer bundle or a quarantine is no reason to be unhealthy: see status.

Exit status: 0 healthy, 1 anything else.

Example:
  HEALTHCHECK CMD ["sidecrypt", "health"]`,
} as const;
