#!/usr/bin/env bash
# Prints the path of a real sops, which the tests take as their oracle.
#
# The version is exact on purpose: 3.13.2 computes the MAC of a comment inside a
# list differently, and a test that compares against it would compare against a
# defect.
set -euo pipefail

readonly VERSION=3.13.1
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/sidecrypt/bin"

say() { printf 'sops: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# The first line is "sops 3.13.1 ...". Without the variable sops looks on the
# network for a newer version each time.
is_wanted() {
  local first
  first=$(SOPS_DISABLE_VERSION_CHECK=1 "$1" --version 2>/dev/null | head -n 1) || return 1
  [[ "$first " == "sops $VERSION "* ]]
}

on_path() {
  local found
  found=$(command -v sops) || return 1
  is_wanted "$found" || return 1
  printf '%s\n' "$found"
}

build() {
  local scratch log
  scratch=$(mktemp -d "$CACHE/.build.XXXXXX")
  # shellcheck disable=SC2064 # the directory is known now, and local to here
  trap "rm -rf -- '$scratch'" EXIT
  log="$scratch/log"
  say "building sops $VERSION with $(command -v go); this is done once and takes a few minutes"
  # GOBIN is a scratch directory and the result is moved into place: somebody
  # who looks meanwhile sees a whole binary or none.
  if ! GOBIN="$scratch" go install "github.com/getsops/sops/v3/cmd/sops@v$VERSION" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail "go install of sops $VERSION failed; the last lines of its output are above"
  fi
  is_wanted "$scratch/sops" || fail "what go built does not call itself sops $VERSION"
  mv -f -- "$scratch/sops" "$CACHE/sops"
}

main() {
  on_path && return
  if ! is_wanted "$CACHE/sops"; then
    command -v go >/dev/null ||
      fail "needs sops $VERSION on the PATH, or Go to build it; neither is here"
    mkdir -p -- "$CACHE"
    # Two who need it at once build it once.
    exec 9>"$CACHE/.lock"
    flock 9
    is_wanted "$CACHE/sops" || build
  fi
  printf '%s\n' "$CACHE/sops"
}

main "$@"
