/** Reading and writing bundles, without a daemon. */
export const BUNDLE = {
  check: `usage: sidecrypt check [BUNDLE]

Opens a bundle as the daemon would, verifies its MAC, and prints the names in it
and what is worth a look. Without BUNDLE, all that the daemon would take.
Where SIDECRYPT_ALLOWED_SIGNERS names a file, the signature is verified too, and
the signer is printed.
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

  sign: `usage: sidecrypt sign [BUNDLE] --key FILE

Signs a bundle with an SSH key, for a daemon with SIDECRYPT_ALLOWED_SIGNERS, and
writes the signature beside it, BUNDLE.sig, as ssh-keygen -Y sign -n sidecrypt
does. Without BUNDLE, all that the daemon would take. A plain key in OpenSSH's
format signs by itself; for one under a passphrase, in an agent (FILE is then
its .pub file) or in a security token, ssh-keygen has to be there.

  --key FILE   the SSH key

What is no bundle is not signed, nor is one that SIDECRYPT_RECIPIENTS or
SIDECRYPT_RULE refuse, nor with a key that SIDECRYPT_ALLOWED_SIGNERS refuses.

Example:
  $ sidecrypt sign secrets/prod.enc.env --key ~/.ssh/id_ed25519`,

  keygen: `usage: sidecrypt keygen [--pq] [-o FILE]

Makes an age identity, as age-keygen does, and prints its public key on stderr:
that goes into .sops.yaml; the identity stays on the server.

  --pq                post-quantum: X25519 with ML-KEM-768; sops knows it
                      from 3.12 on; its public key has 1959 characters
  -o, --output FILE   write to FILE (mode 0600) instead of stdout; a file that
                      exists is never overwritten

Example:
  $ sidecrypt keygen -o age.key`,
} as const;
