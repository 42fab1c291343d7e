/** What a check of a Compose stack has to say: names and places, never a value. */

export interface Finding {
  /** `error`: it will not work, or it leaks; `warning`: worth a look. */
  readonly severity: "error" | "warning";
  /** A key of {@link CHECKS}, or the code of an error that the sidecar itself would report. */
  readonly check: string;
  /** A service, a volume or a path. */
  readonly subject: string;
  readonly message: string;
  /** The line to paste, or the next command. */
  readonly hint: string;
}

/** Every check by its name, with what it means. The README's table is held against it. */
export const CHECKS = {
  "value-in-environment": "a value in `environment` or `env_file`, which `docker inspect` shows",
  "value-in-build-args": "a value in `build.args`, which the image's history shows",
  "value-in-label": "a value in a label, which every event of the container repeats",
  "value-in-command": "a value in `command`, `entrypoint` or a healthcheck: it stands in the process list",
  "secret-from-environment": "Compose copies a secret with `environment` into the container's layer on the disk",
  "config-with-content": "Compose copies a config with `content` into the container's layer on the disk",
  "key-in-environment": "an age key in an environment: whoever inspects the container has every bundle",
  "bundle-single-file": "the bundle itself is mounted instead of its directory",
  "mount-writable": "a consumer mounts its drop writable",
  "mount-without-nocopy": "Docker copies an image's own `/run/secrets` over an empty drop",
  "volume-not-memory": "a drop that is not a tmpfs volume: secrets would lie on a disk",
  "no-sidecar": "no service of the file is a sidecrypt",
  "key-unreadable": "the key file is not there, a directory, or not for the sidecar's user",
  "key-open": "the key file is readable by everybody on the host",
  "bundle-missing": "there is no bundle where the sidecar looks",
  "socket-missing": "the sidecar has no engine's socket, or there is none at that path",
  "socket-directory": "the socket is a directory, which Docker makes where none is",
  "socket-forbidden": "the sidecar's user may not open the socket",
  "engine-in-reach":
    "another service has the engine's socket, or a directory or volume that leads to it: it reads every drop",
  "restart-missing": "the sidecar does not come back after a reboot",
  "grace-too-short": "Compose kills the sidecar before it can undo a roll",
  "group-differs": "`gid=` of the drop is not the primary group of the process that reads",
  "volume-outdated": "the volume was made with other `driver_opts` than the file has",
  "noswap-unsupported": "the kernel is older than 6.4: a container with `noswap` would not start",
  "swap-without-noswap": "swap is on, and the drop could be written to it in clear",
  "mount-in-secrets": "a secret, a config or a mount below a read-only `/run/secrets`: the container does not start",
  "not-waited-for": "a consumer may start before its files are there",
  "label-invalid": "a `sidecrypt.*` label is unknown or does not parse",
  "secret-missing": "a consumer asks for a name that the bundle does not have",
  "drop-unpaired": "a consumer and the sidecar share no volume at `/run/secrets`",
  "env-shadows-secret": "a consumer sets in its environment what it asks for",
  "healthcheck-missing": "a roll of it proves nothing: neither healthcheck nor probe",
  "healthcheck-proves-nothing": "the healthcheck passes whatever the secret is",
  "not-looked-at": "something that could not be asked, and so was not checked",
} as const;

export type Check = keyof typeof CHECKS;

export function finding(severity: Finding["severity"], check: Check, subject: string, message: string, hint: string) {
  return { severity, check, subject, message, hint } satisfies Finding;
}
