/** The help of the commands that write bundles. */

export const WRITING = {
  unset: `usage: sidecrypt unset NAME [--bundle FILE]

Takes a secret out of a bundle, and leaves every other line as it is. Its value
stays readable in git's history.

  --bundle FILE   the bundle [the one that the daemon would take]

Example:
  $ sidecrypt unset BOT3_API_KEY --bundle secrets/prod.enc.env`,

  edit: `usage: sidecrypt edit [BUNDLE]

Opens the plaintext in $VISUAL, $EDITOR or vi, and encrypts what was saved. What
did not change keeps its ciphertext; where nothing changed, or the editor fails,
the file is left as it is. What cannot be encrypted may be edited once more.

The plaintext stands in a directory of its own below $XDG_RUNTIME_DIR or
/dev/shm, in memory (tmpfs), for you alone, and is removed in every case but
SIGKILL. An editor's own history, where it keeps one, is the editor's; vim, also
as vi where that is a link to it, is told to keep none.

Example:
  $ EDITOR=nano sidecrypt edit secrets/prod.enc.env`,

  encrypt: `usage: sidecrypt encrypt FILE [-o FILE | -i] [--age RECIPIENTS]

Encrypts a plaintext file, or stdin (-), to stdout. Recipients, and which names
stay in plaintext, come from the first rule in .sops.yaml that matches; it is
looked for upwards from the bundle. The format goes by the end of the name, as
in sops: .env, .json, .yaml, .yml, .ini, else binary; .env.NAME is dotenv here.

  -o, --output FILE         write to FILE, which must not exist; rule and format
                            go by its name
  -i, --in-place            replace FILE
  --age RECIPIENTS          separated by commas, instead of those of the rule
  --config FILE             this .sops.yaml
  --format FORMAT           dotenv, json, yaml, ini or binary
  --filename-override FILE  rule and format go by this name

Example:
  $ sidecrypt encrypt .env -o secrets/prod.enc.env`,

  decrypt: `usage: sidecrypt decrypt [BUNDLE] [--name NAME] [-o FILE]

Prints the plaintext on a terminal. In a pipe or a file it has to be asked for.

  --name NAME         one secret alone, byte for byte, without a newline
  -o, --output FILE   write to FILE (mode 0600), which must not exist, and must
                      be in memory (tmpfs), such as /dev/shm; - is stdout
  --to-disk           FILE may be on a disk

Example:
  $ sidecrypt decrypt secrets/prod.enc.env --name BOT1_API_KEY -o - | wc -c`,

  rotate: `usage: sidecrypt rotate [BUNDLE]

Makes a new data key, and encrypts every value with it, for the same recipients.
Where .sops.yaml has a rule for the bundle that names others, it is refused:
nothing authenticates the recipients in a bundle. The secrets themselves stay
the same: a leaked one is replaced at its issuer, and then with set.

  --config FILE   this .sops.yaml [looked for upwards from the bundle]

Example:
  $ sidecrypt rotate secrets/prod.enc.env`,

  recipients: `usage: sidecrypt recipients list|add|remove|sync [RECIPIENT...]

Who can open a bundle. list needs no key. add keeps the data key, every value's
ciphertext, and the entry of everybody who has one. remove makes a new data key,
so that who was removed cannot read what is written from now on; what was in it,
they know: rotate each value at its issuer. sync adds and removes as the rule in
.sops.yaml says.

Nothing authenticates the recipients in a bundle. Where .sops.yaml has a rule,
add and remove are refused while the bundle has a recipient whom neither the
rule nor the command line names; without one, remove prints who has the new
data key.

  --bundle FILE   the bundle [the one that the daemon would take]
  --config FILE   this .sops.yaml [looked for upwards from the bundle]

Example:
  $ sidecrypt recipients add age1... --bundle secrets/prod.enc.env`,

  diff: `usage: sidecrypt diff OLD [NEW] [--json]

Compares two bundles by what they hold, and prints names, never values: added,
removed, changed, same; and recipients that were added or removed. OLD and NEW
are files, or REV:path as git show takes it. One file alone is compared with
what the last commit has in its place.

  --json   the same as JSON, for machines

Exit status: 0 no difference, 1 a difference, 2 or more: trouble.

Example:
  $ sidecrypt diff main:secrets/prod.enc.env secrets/prod.enc.env`,
} as const;
