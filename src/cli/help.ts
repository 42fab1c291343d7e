/** The help of every command. A test keeps each within 80 columns, with an example, and with every flag named. */

export const COMMANDS = ["run", "status", "plan", "check", "set", "retry", "keygen", "health"] as const;
export type CommandName = (typeof COMMANDS)[number];

export const OVERVIEW = `usage: sidecrypt COMMAND [ARGUMENTS]

Delivers SOPS/age-encrypted secrets to the services of a Compose stack, and
replaces only the containers whose secrets changed.

In the sidecar's container:
  run               the daemon itself
  status            what each consumer has, and what is wrong
  plan              what would be done now, and why; changes nothing
  retry [SERVICE]   try again what failed or waits
  health            for the healthcheck: 0 or 1

Anywhere, with the key:
  check [BUNDLE]    open and verify a bundle; print names and warnings
  set NAME          put a secret into a bundle; the value comes from stdin
  keygen            make an age identity

  --help            help for each: sidecrypt COMMAND --help
  --version

Exit status: 0 done, 1 unhealthy, 2 usage and configuration, 3 bundle or key,
4 consumer, 5 drop, 6 engine, 7 roll, 70 a defect of sidecrypt, 130 interrupted.

Example:
  $ docker compose exec secrets sidecrypt status`;

export const HELP: Readonly<Record<CommandName, string>> = {
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

  check: `usage: sidecrypt check [BUNDLE]

Opens a bundle as the daemon would, verifies its MAC, and prints the names in it
and what is worth a look. Without BUNDLE, all that the daemon would take.
The keys come from SOPS_AGE_KEY_FILE and SOPS_AGE_SSH_PRIVATE_KEY_FILE.

Exit status: 0 if the bundle opens, warnings or not; 3 if it does not.

Example:
  $ SOPS_AGE_KEY_FILE=age.key sidecrypt check secrets/prod.enc.env`,

  set: `usage: sidecrypt set NAME [--bundle FILE] [--keep-newline]

Puts a secret into a bundle, and leaves every other line as it is. The value
comes from stdin, or from a hidden prompt on a terminal; never from an argument,
which would stand in the shell's history and in the process list. One newline at
the end of stdin is dropped, since nearly every tool adds one.

  --bundle FILE    the bundle [the one that the daemon would take]
  --keep-newline   keep a newline at the end of stdin

The key comes from SOPS_AGE_KEY_FILE. The file is replaced in one step; where
someone else replaced it meanwhile, nothing is written.

Example:
  $ pass show bitget/bot1 | sidecrypt set BOT1_API_KEY --bundle prod.enc.env`,

  retry: `usage: sidecrypt retry [SERVICE]

Tries again what failed and is quarantined, and rolls what waits for its minimum
interval or its budget: for one service and those that roll together with it, or
for all. A new value in the bundle needs no retry.

Example:
  $ docker compose exec secrets sidecrypt retry bot1`,

  keygen: `usage: sidecrypt keygen [-o FILE]

Makes an age identity, as age-keygen does, and prints its public key on stderr:
that goes into .sops.yaml; the identity stays on the server.

  -o, --output FILE   write to FILE (mode 0600) instead of stdout; a file that
                      exists is never overwritten

Example:
  $ sidecrypt keygen -o age.key`,

  health: `usage: sidecrypt health

Asks the daemon whether every consumer has a complete generation on its drop.
A refused newer bundle or a quarantine is no reason to be unhealthy: see status.

Exit status: 0 healthy, 1 anything else.

Example:
  HEALTHCHECK CMD ["sidecrypt", "health"]`,
};
