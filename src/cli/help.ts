/** The help of every command. A test keeps each within 80 columns, with an example, and with every flag named. */
import { BUNDLE } from "./help/bundle.ts";
import { PROOF } from "./help/proof.ts";
import { SIDECAR } from "./help/sidecar.ts";
import { WRITING } from "./help/writing.ts";

export const COMMANDS = [
  "run",
  "status",
  "plan",
  "check",
  "set",
  "retry",
  "keygen",
  "sign",
  "health",
  "scan",
  "verify",
  "unset",
  "edit",
  "encrypt",
  "decrypt",
  "rotate",
  "recipients",
  "diff",
  "doctor",
] as const;
export type CommandName = (typeof COMMANDS)[number];

export const OVERVIEW = `usage: sidecrypt COMMAND [ARGUMENTS]

Delivers SOPS/age-encrypted secrets to the services of a Compose stack, and
replaces only the containers whose secrets changed.

In the sidecar's container:
  run               the daemon itself
  status            what each consumer has, and what is wrong
  plan              what would be done now, and why; changes nothing
  retry [SERVICE]   try again what failed or waits
  verify            look for leaked values everywhere the engine shows any
  health            for the healthcheck: 0 or 1

Anywhere, with the key:
  check [BUNDLE]    open and verify a bundle; print names and warnings
  set NAME          put a secret into a bundle; the value comes from stdin
  unset NAME        take a secret out
  edit [BUNDLE]     change a bundle in your editor
  encrypt FILE      make a bundle of a plaintext file
  decrypt [BUNDLE]  print the plaintext
  rotate [BUNDLE]   a new data key
  recipients ...    who can open a bundle: list, add, remove, sync
  diff OLD [NEW]    what differs between two bundles or revisions, by name
  keygen            make an age identity
  sign [BUNDLE]     sign a bundle with an SSH key
  scan PATH         look for the secrets in files, logs and the git history

In a checkout without the key, or in the sidecar's container:
  doctor            what will not work, or is odd, with the line that mends it

  --help            help for each: sidecrypt COMMAND --help
  --version

Exit status: 0 done, 1 unhealthy, found or different, 2 usage and configuration,
3 bundle or key, 4 consumer, 5 drop, 6 engine, 7 roll, 70 a defect of sidecrypt,
130 interrupted.

Example:
  $ docker compose exec secrets sidecrypt status`;

export const HELP: Readonly<Record<CommandName, string>> = { ...SIDECAR, ...BUNDLE, ...WRITING, ...PROOF };
