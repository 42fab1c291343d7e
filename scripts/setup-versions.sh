# shellcheck shell=bash
# The engines and Compose versions that `npm run test:engines` walks; sourced by
# setup.sh. Nothing is installed: Debian's packages of several releases are
# unpacked into the cache, each under a name such as engine-26.1 or compose-5.4.
#
# An engine takes containerd, runc, iptables and docker-init from the machine.

readonly VERSIONS="$CACHE/versions"
# A rolling suite moves on, and the one behind it may still have what is wanted.
readonly RELEASES=(bookworm trixie forky sid)
# No package of Debian has it, and 5.6 needs modules that cannot be had.
readonly COMPOSE_FROM_SOURCE=5.4.0

# A line for each name: "NAME DIRECTORY". An engine's directory holds dockerd
# and its client, and goes in front of PATH; Compose's is for DOCKER_CONFIG.
# A name without a line was left out, and the message says why.
obtain_versions() {
  local name
  mkdir -p -- "$VERSIONS"
  for name in "$@"; do
    case $name in
      engine-*) obtain_tested_engine "${name#engine-}" ;;
      compose-*) obtain_tested_compose "${name#compose-}" ;;
      *) fail "$name is neither engine-VERSION nor compose-VERSION" ;;
    esac
  done
}

obtain_tested_engine() {
  local wanted=$1 own dir="$VERSIONS/engine-$1"
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  require_parts
  own=$(command -v dockerd) || own=
  if is_version "$wanted" "$own"; then
    printf 'engine-%s %s\n' "$wanted" "$(dirname -- "$own")"
    return
  fi
  is_version "$wanted" "$dir/dockerd" || unpack_engine "$wanted" "$dir"
  printf 'engine-%s %s\n' "$wanted" "$dir"
}

require_parts() {
  local part
  for part in containerd runc iptables ip nsenter unshare setpriv; do
    has "$part" || fail "the tests' own engines need $part, and this machine has none: scripts/setup.sh engine installs an engine with all its parts (iproute2 and util-linux have the rest)"
  done
}

# "Docker version 26.1.5+dfsg1, build 411e817"
is_version() {
  [[ -n $2 && $("$2" --version 2>/dev/null) == *" version "*([v])"$1".* ]]
}

unpack_engine() {
  local wanted=$1 target=$2 tree
  make_scratch
  tree=$SCRATCH/engine-$wanted
  say "unpacking Docker Engine $wanted"
  unpack_package docker.io "$wanted" "$tree" "${RELEASES[@]}"
  # Newer releases keep the client in a package of its own.
  [[ -x $tree/usr/bin/docker ]] || unpack_package docker-cli "$wanted" "$tree" "${RELEASES[@]}"
  mkdir -- "$tree/bin"
  mv -- "$tree"/usr/sbin/{dockerd,docker-proxy} "$tree/usr/bin/docker" "$tree/bin/"
  is_version "$wanted" "$tree/bin/dockerd" ||
    fail "the package's dockerd does not run here: $("$tree/bin/dockerd" --version 2>&1 | head -n 1)"
  into_place "$tree/bin" "$target"
}

obtain_tested_compose() {
  local wanted=$1 dir="$VERSIONS/compose-$1"
  if ! is_compose "$wanted" "$dir"; then
    if [[ $COMPOSE_FROM_SOURCE == "$wanted".* ]]; then
      if ! has go; then
        say "Compose $wanted is LEFT OUT: no package has it, and there is no Go here to build it with"
        return
      fi
      build_compose "$wanted" "$dir"
    else
      unpack_compose "$wanted" "$dir"
    fi
  fi
  printf 'compose-%s %s\n' "$wanted" "$dir"
}

is_compose() { is_version "$1" "$2/cli-plugins/docker-compose"; }

unpack_compose() {
  local wanted=$1 target=$2 tree
  make_scratch
  tree=$SCRATCH/compose-$wanted
  say "unpacking Compose $wanted"
  unpack_package docker-compose "$wanted" "$tree" "${RELEASES[@]}"
  plugin_into_place "$wanted" "$tree/$COMPOSE_PLUGIN" "$target"
}

# As a tool of an empty module: `go install` refuses a module with exclude lines.
build_compose() {
  local wanted=$1 target=$2 dir started=$SECONDS
  local command=github.com/docker/compose/v5/cmd
  make_scratch
  dir=$SCRATCH/compose-$wanted
  mkdir -- "$dir"
  say "building Compose $COMPOSE_FROM_SOURCE with $(command -v go); this is done once and takes a few minutes"
  quiet "go mod init" in_directory "$dir" go mod init build
  quiet "go get $command@v$COMPOSE_FROM_SOURCE" in_directory "$dir" go get -tool "$command@v$COMPOSE_FROM_SOURCE"
  quiet "go build $command" in_directory "$dir" go build -o docker-compose \
    -ldflags "-X github.com/docker/compose/v5/internal.Version=v$COMPOSE_FROM_SOURCE" "$command"
  say "Compose $COMPOSE_FROM_SOURCE is built ($((SECONDS - started)) s)"
  plugin_into_place "$wanted" "$dir/docker-compose" "$target"
}

in_directory() { (cd -- "$1" && "${@:2}"); }

plugin_into_place() {
  local wanted=$1 binary=$2 target=$3 dir
  dir=$SCRATCH/plugin-$wanted
  mkdir -p -- "$dir/cli-plugins"
  install -m 0755 -- "$binary" "$dir/cli-plugins/docker-compose"
  is_compose "$wanted" "$dir" ||
    fail "what was made does not call itself Compose $wanted: $("$dir/cli-plugins/docker-compose" version 2>&1 | head -n 1)"
  into_place "$dir" "$target"
}

# By one rename inside the cache: what stands there is whole.
into_place() {
  local from=$1 to=$2
  rm -rf -- "$to" "$to.new"
  cp -a -- "$from" "$to.new"
  mv -- "$to.new" "$to"
}
