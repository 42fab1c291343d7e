#!/usr/bin/env bash
# Builds gitleaks, which the bench measures `sidecrypt scan` beside, once, and prints its path.
#
# The version is exact: figures of different rules cannot be compared.
set -euo pipefail

readonly VERSION=8.18.4
readonly MODULE=github.com/zricethezav/gitleaks/v8
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/sidecrypt/bin"

say() { printf 'gitleaks: %s\n' "$*" >&2; }

# By what go wrote into it: a gitleaks that go built does not know its own version.
is_wanted() { go version -m "$1" 2>/dev/null | grep -qF "$MODULE"$'\t'"v$VERSION"; }

build() {
  local scratch
  scratch=$(mktemp -d "$CACHE/.build.XXXXXX")
  # shellcheck disable=SC2064 # the directory is known now, and local to here
  trap "rm -rf -- '$scratch'" EXIT
  say "building gitleaks $VERSION with $(command -v go); this is done once and takes a minute"
  # Moved into place: somebody who looks meanwhile sees a whole binary or none.
  if ! GOBIN="$scratch" go install "$MODULE@v$VERSION" >"$scratch/log" 2>&1; then
    tail -n 30 "$scratch/log" >&2
    say "go install of gitleaks $VERSION failed; the last lines of its output are above"
    exit 1
  fi
  mv -f -- "$scratch/gitleaks" "$CACHE/gitleaks"
}

main() {
  if ! command -v go >/dev/null; then
    say "needs Go to build it, and that is not here"
    exit 1
  fi
  mkdir -p -- "$CACHE"
  is_wanted "$CACHE/gitleaks" || build
  printf '%s\n' "$CACHE/gitleaks"
}

main "$@"
