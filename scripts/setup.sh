#!/usr/bin/env bash
# Makes sure that a local engine, Compose and the images are there. Safe to run
# at any time: what is there already is found, said, and left as it is.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for setup-images.sh
ROOT=$(dirname -- "$HERE")
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/sidecrypt"
LOG="$CACHE/setup.log"
SCRATCH=

# shellcheck disable=SC1091 source=setup-engine.sh
. "$HERE/setup-engine.sh"
# shellcheck disable=SC1091 source=setup-base.sh
. "$HERE/setup-base.sh"
# shellcheck disable=SC1091 source=setup-images.sh
. "$HERE/setup-images.sh"
# shellcheck disable=SC1091 source=setup-versions.sh
. "$HERE/setup-versions.sh"

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [COMMAND]

  (none)        the engine, Compose and all images
  engine        the engine and Compose
  images        all images
  image NAME    one of them: sidecrypt, sidecrypt-redis, sidecrypt-bot, or the tests' sidecrypt-postgres
  test-images   the same as without a command, and the images of the tests; print all names
  base          print the base image that the Dockerfiles' ARG BASE takes
                (one that was built here is renewed after: docker rmi --force IMAGE)
  versions NAME...
                obtain what the tests walk, such as engine-26.1 or compose-5.4,
                and print the directory of each
  stop-engine   stop the engine, where this script started it

SIDECRYPT_BASE names another base image (Debian with Node 24 and npm).
TEXT
}

# Standard output belongs to `base`, `test-images` and `versions`, so every message goes to standard error.
say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# quiet WHAT COMMAND...: the command's output goes to the log, and is shown only
# when it fails. Descriptor 9 is the lock, which no daemon that a package starts
# may inherit.
quiet() {
  local what=$1
  shift
  printf '\n--- %s\n' "$what" >>"$LOG"
  "$@" >>"$LOG" 2>&1 </dev/null 9>&- && return
  say "$what failed; the last lines of $LOG:"
  tail -n 30 -- "$LOG" >&2
  exit 1
}

# One at a time: two runs would install the same packages and build the same base.
lock() {
  has flock || return 0
  exec 9>"$CACHE/setup.lock"
  flock -n 9 && return
  say "another run of this script is at work; waiting for it"
  flock 9
}

# The scratch directory is made by the main shell only (never inside `$(...)`,
# where the trap that removes it does not run).
make_scratch() {
  [[ -n $SCRATCH ]] || SCRATCH=$(mktemp -d)
}

# An interrupted debootstrap leaves /proc mounted inside its tree; a removal must
# not walk into it.
clean_up() {
  [[ -n $SCRATCH ]] || return 0
  local mount
  if [[ -r /proc/mounts ]]; then
    while read -r _ mount _; do
      [[ $mount != "$SCRATCH"/* ]] || umount -l -- "$mount" || true
    done </proc/mounts
    rm -rf --one-file-system -- "$SCRATCH"
  else
    rm -rf -- "$SCRATCH"
  fi
}

main() {
  case "${1-}${2+ NAME}" in
    '' | engine | images | test-images | base | stop-engine | 'image NAME' | 'versions NAME') ;;
    -h | --help | help)
      usage
      return
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  mkdir -p -- "$CACHE"
  lock
  : >"$LOG"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  case "${1-}" in
    '')
      ensure_engine
      build_images
      ;;
    test-images)
      ensure_engine
      build_test_images
      ;;
    engine) ensure_engine ;;
    images)
      require_engine
      build_images
      ;;
    image)
      require_engine
      build_one "$2"
      ;;
    base)
      require_engine
      find_base
      printf '%s\n' "$BASE"
      ;;
    versions) obtain_versions "${@:2}" ;;
    stop-engine) stop_engine ;;
  esac
}

main "$@"
