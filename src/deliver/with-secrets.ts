/**
 * `with-secrets`: a script beside the generations, for images that read only the environment. It is in none of them, so
 * that another version of it rolls nobody.
 */
import { constants, lstatSync, readFileSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { guarded } from "./faults.ts";
import { modesFor } from "./generation.ts";
import { SCRIPT, type Drop } from "./layout.ts";
import { checkMemory } from "./memory.ts";

const TEMPORARY = "..script.tmp";

/**
 * POSIX sh, for dash, bash and busybox: `sh /run/secrets/with-secrets [--require NAME,NAME…] CMD [ARGUMENT…]`.
 *
 * - The generation is resolved once: what is exported is all of one.
 * - `$(…)` takes newlines off the end; the `.` behind them keeps them.
 * - Values go through builtins alone, and so into no argument of a process.
 * - A shell cannot hold a NUL byte: dash and busybox drop it without a word.
 * - Its own variables have names that no secret will have; none of them is exported.
 */
const TEXT = `#!/bin/sh
# Exports each secret of this drop under its own name, then becomes the command:
#   entrypoint: [sh, /run/secrets/with-secrets, CMD, ARGUMENT]
# With --require NAME,NAME it starts only where these are there.
_ws_fail() {
  printf 'with-secrets: %s\\n' "$1" >&2
  exit 1
}
_ws_required=
if [ "$1" = --require ]; then
  [ "$#" -gt 1 ] || _ws_fail 'no names behind --require'
  _ws_required=$2
  shift 2
fi
[ "$#" -gt 0 ] || _ws_fail 'no command to run: sh /run/secrets/with-secrets CMD'
case $0 in
  */*) _ws_drop=\${0%/*} ;;
  *) _ws_drop=. ;;
esac
_ws_from=$(CDPATH= cd -P -- "$_ws_drop/..data" 2>/dev/null && pwd -P) ||
  _ws_fail "$_ws_drop holds no secrets: is the sidecar up and healthy?"
_ws_count=0
for _ws_file in "$_ws_from"/*; do
  _ws_name=\${_ws_file##*/}
  case $_ws_name in
    [!A-Za-z_]* | *[!A-Za-z0-9_]*) continue ;;
  esac
  _ws_value=$(cat "$_ws_file" && printf .) || _ws_fail "cannot read $_ws_name"
  [ "$(wc -c <"$_ws_file")" -eq "$(tr -d '\\000' <"$_ws_file" | wc -c)" ] ||
    _ws_fail "$_ws_name holds a NUL byte, which no variable can"
  export "$_ws_name=\${_ws_value%.}" || exit 1
  _ws_count=$((_ws_count + 1))
done
[ "$_ws_count" -gt 0 ] ||
  _ws_fail "$_ws_drop holds no file that a variable can be named after: sidecrypt.format has to list files"
while [ -n "$_ws_required" ]; do
  _ws_name=\${_ws_required%%,*}
  [ -f "$_ws_from/$_ws_name" ] || _ws_fail "$_ws_name is required, and it is not there"
  case $_ws_required in
    *,*) _ws_required=\${_ws_required#*,} ;;
    *) _ws_required= ;;
  esac
done
exec "$@"
`;

/** Puts the script on a drop, or leaves it as it is. A secret of the same name stands in its place. */
export async function equip(drop: Drop): Promise<void> {
  await guarded(drop, async () => {
    const path = join(drop.path, SCRIPT);
    const { file: mode } = modesFor(statSync(drop.path));
    if (isThere(path, mode)) return;
    await checkMemory(drop.path, drop.volume);
    const temporary = join(drop.path, TEMPORARY);
    await rm(temporary, { force: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(temporary, flags, mode);
    try {
      await file.writeFile(TEXT);
      // The umask took its part at open.
      await file.chmod(mode);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  });
}

/** Or a secret of its name. */
function isThere(path: string, mode: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return found?.isSymbolicLink() === true;
  return (found.mode & 0o777) === mode && readFileSync(path, "utf8") === TEXT;
}
