# shellcheck shell=bash
# The engine and Compose; sourced by setup.sh.

readonly PIDFILE=/run/sidecrypt-dockerd.pid
readonly DOCKERD_LOG=/var/log/sidecrypt-dockerd.log
readonly DEFAULT_HOST=unix:///var/run/docker.sock
# Debian 12's own `docker-compose` is the v1 Python tool; the package of the next
# release is one static Go program, which runs on 12 as well.
readonly COMPOSE_SUITE=trixie
readonly COMPOSE_PLUGIN=usr/libexec/docker/cli-plugins/docker-compose

ensure_engine() {
  require_local
  if ! engine_answers; then
    require_reachable
    obtain_engine
  fi
  say "engine $(engine_version) on $DOCKER_ENDPOINT"
  ensure_compose
}

require_engine() {
  require_local
  engine_answers || fail "no engine answers on $DOCKER_ENDPOINT: run scripts/setup.sh engine first"
}

engine_version() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

engine_answers() { has docker && [[ -n $(engine_version) ]]; }

# What the client would talk to: DOCKER_CONTEXT, DOCKER_HOST and the chosen
# context in the order that the client itself gives them.
require_local() {
  DOCKER_ENDPOINT=${DOCKER_HOST:-$DEFAULT_HOST}
  if has docker; then
    DOCKER_ENDPOINT=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) ||
      fail "the docker client's current context cannot be read; choose one that exists: docker context use default"
  fi
  [[ $DOCKER_ENDPOINT == unix://* ]] ||
    fail "the docker client points at $(without_user "$DOCKER_ENDPOINT"), but the tests and the demo mount files and read volumes of the engine's own machine: docker context use default, or unset DOCKER_HOST and DOCKER_CONTEXT"
}

# ssh://user@host and tcp://user:password@host say more than a message should.
without_user() { printf '%s\n' "$1" | sed 's#//[^/@]*@#//#'; }

# Reasons why an engine that may well be running does not answer. Starting a
# second one would help with none of them.
require_reachable() {
  local path=${DOCKER_ENDPOINT#unix://} reason
  [[ ! -d $path ]] ||
    fail "$path is a directory, made by a bind mount of that path while no engine was listening: rmdir $path, then run this again"
  [[ ! -S $path || -w $path ]] ||
    fail "$path may not be opened by $(id -un): join its group (usermod -aG docker $(id -un), then log in again), or run this as root"
  [[ $path == /var/run/docker.sock || $path == /run/docker.sock ]] ||
    fail "no engine answers on $DOCKER_ENDPOINT: start the one that belongs there, or go back to the default: docker context use default, or unset DOCKER_HOST"
  has docker || return 0
  reason=$(docker version 2>&1 >/dev/null | tail -n 1) || true
  [[ $reason != *"API version"* && $reason != *"client version"* ]] || fail "$reason"
}

is_debian_like() {
  has apt-get && [[ " $(os_release ID) $(os_release ID_LIKE) " == *" debian "* ]]
}

os_release() {
  # shellcheck disable=SC1091 # each machine has its own
  [[ ! -r /etc/os-release ]] || (. /etc/os-release && printf '%s\n' "${!1-}")
}

is_root() { [[ $(id -u) == 0 ]]; }

obtain_engine() {
  # An ordinary user's PATH may lack the folders where dockerd and iptables live.
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
  if ! is_debian_like || ! is_root; then
    fail "no engine answers on $DOCKER_ENDPOINT: install Docker Engine 20.10 or newer with Compose v2 and start it (on Debian and Ubuntu this script does both when it runs as root)"
  fi
  if ! has dockerd || ! has docker; then
    install_engine
  fi
  start_engine
}

apt_update() {
  [[ -z ${APT_UPDATED-} ]] || return 0
  APT_UPDATED=1
  # A broken third-party list must not stop us: what is really missing is said by
  # the install that follows.
  apt_get update >>"$LOG" 2>&1 </dev/null 9>&- || say "apt-get update reported errors (in $LOG); going on"
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@"
}

apt_candidate() {
  apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

apt_install() {
  quiet "apt-get install $*" apt_get install --no-install-recommends "$@"
}

install_engine() {
  local packages=(docker.io iptables ca-certificates)
  say "no engine here; installing $(os_release PRETTY_NAME)'s own package docker.io"
  apt_update
  # Newer suites keep the client in a package of its own.
  if ! has docker && [[ -n $(apt_candidate docker-cli) ]]; then
    packages+=(docker-cli)
  fi
  # With AppArmor in the kernel and without its parser no container starts.
  if [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]]; then
    packages+=(apparmor)
  fi
  apt_install "${packages[@]}"
}

# Where systemd runs, the engine is systemd's; a second one beside it would take
# over its socket. Elsewhere nothing starts it, so we do.
start_engine() {
  if engine_answers; then
    return
  fi
  if [[ -d /run/systemd/system ]]; then
    say "starting docker.service"
    quiet "systemctl start docker" systemctl start docker
    wait_for_engine
    return
  fi
  spawn_dockerd
}

# Its own session, and no descriptor of ours: it outlives this script, takes no
# signal meant for it, and holds neither the lock nor a caller's pipe.
spawn_dockerd() {
  say "starting dockerd (log $DOCKERD_LOG, pid file $PIDFILE; scripts/setup.sh stop-engine stops it)"
  setsid dockerd >"$DOCKERD_LOG" 2>&1 </dev/null 9>&- &
  local pid=$!
  printf '%s\n' "$pid" >"$PIDFILE"
  wait_for_engine "$pid"
  # Somebody else's engine may have come up first and made ours give way.
  is_dockerd "$pid" || rm -f -- "$PIDFILE"
}

wait_for_engine() {
  local pid=${1-} log="journalctl -u docker" deadline=$((SECONDS + 60))
  [[ -z $pid ]] || log=$DOCKERD_LOG
  until engine_answers; do
    if [[ -n $pid ]] && ! is_alive "$pid"; then
      rm -f -- "$PIDFILE"
      say "dockerd ended at once; the last lines of $DOCKERD_LOG:"
      tail -n 30 -- "$DOCKERD_LOG" >&2
      exit 1
    fi
    ((SECONDS < deadline)) || fail "the engine does not answer after 60 seconds; see $log"
    sleep 0.2
  done
}

# A zombie still has its entry in /proc, but has ended.
is_alive() {
  local state
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [[ $state != Z ]]
}

# A pid alone proves nothing: it may have been given to another process since.
is_dockerd() {
  is_alive "$1" && [[ $(cat "/proc/$1/comm" 2>/dev/null) == dockerd ]]
}

stop_engine() {
  local pid
  if [[ ! -r $PIDFILE ]]; then
    say "no engine was started by this script; nothing to stop"
    return
  fi
  pid=$(cat -- "$PIDFILE")
  if [[ ! $pid =~ ^[0-9]+$ ]] || ! is_dockerd "$pid"; then
    say "the engine that this script started (pid $pid) is no longer running"
    rm -f -- "$PIDFILE"
    return
  fi
  say "stopping dockerd (pid $pid)"
  kill -TERM "$pid"
  # It first stops its containers, each within its own grace period.
  local deadline=$((SECONDS + 120))
  while is_dockerd "$pid"; do
    ((SECONDS < deadline)) || fail "dockerd (pid $pid) is still running after 120 seconds; see $DOCKERD_LOG"
    sleep 0.2
  done
  rm -f -- "$PIDFILE"
}

compose_version() { docker compose version --short 2>/dev/null; }

ensure_compose() {
  if [[ -z $(compose_version) ]]; then
    obtain_compose
  fi
  local version
  version=$(compose_version) || fail "docker compose does not work after its installation; see $LOG"
  say "compose ${version#v}"
}

obtain_compose() {
  if ! is_debian_like || ! is_root; then
    fail "docker compose is missing: install the Compose v2 plugin (on Debian and Ubuntu this script does it when it runs as root)"
  fi
  apt_update
  local package version
  for package in docker-compose-v2 docker-compose docker-compose-plugin; do
    version=$(apt_candidate "$package")
    if [[ -n $version ]] && dpkg --compare-versions "$version" ge 2; then
      say "no Compose here; installing the package $package"
      apt_install "$package"
      return
    fi
  done
  [[ $(os_release ID) == debian ]] ||
    fail "docker compose is missing and no package of this release has version 2: install the Compose v2 plugin by hand"
  unpack_newer_compose
}

# The system's lists, pins and packages stay untouched.
unpack_newer_compose() {
  local target="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"
  make_scratch
  say "no Compose v2 in this release; taking $COMPOSE_SUITE's package into $target"
  unpack_package docker-compose 2 "$SCRATCH/compose" "$COMPOSE_SUITE"
  mkdir -p -- "$target"
  install -m 0755 -- "$SCRATCH/compose/$COMPOSE_PLUGIN" "$target/docker-compose"
}

# unpack_package NAME VERSION DIR SUITE...: the first of these suites of Debian
# that has the version, or one that begins with it.
unpack_package() {
  local name=$1 wanted=$2 target=$3 lists found
  lists=$SCRATCH/apt-$(IFS=-; printf '%s' "${*:4}")
  [[ -d $lists ]] || read_suites "$lists" "${@:4}"
  # "docker.io | 26.1.5+dfsg1-9 | http://... trixie/main amd64 Packages"
  found=$(private_apt "$lists" apt-cache madison "$name" | awk -F ' *[|] *' '{ print $2 }')
  local version
  version=$(awk -v wanted="$wanted." 'index($0, wanted) == 1 && !found++' <<<"$found")
  [[ -n $version ]] ||
    fail "$name $wanted is in none of Debian's suites ${*:4}: they have $(sort -u <<<"$found" | paste -s -d ' ')"
  quiet "apt-get download $name" private_apt "$lists" apt_get download "$name=$version"
  quiet "dpkg -x $name" dpkg -x "$lists/$(package_file "$name" "$version")" "$target"
}

# As apt-get names what it downloads.
package_file() { printf '%s_%s_%s.deb\n' "$1" "${2//:/%3a}" "$(dpkg --print-architecture)"; }

# apt lists of our own.
read_suites() {
  local dir=$1
  mkdir -p "$dir/sources" "$dir/lists/partial" "$dir/cache/archives/partial"
  # apt reads its lists as another user.
  chmod 755 "$SCRATCH"
  private_source "${*:2}" >"$dir/sources/private.sources"
  quiet "apt-get update for ${*:2}" private_apt "$dir" apt_get update
}

private_apt() {
  local dir=$1 tool=$2
  shift 2
  (cd -- "$dir" && "$tool" -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/sources" \
    -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" "$@")
}

private_source() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || fail "apt's sources name no Debian mirror to take packages of $1 from"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nTargets: Packages\n' "$mirror" "$1"
  [[ ! -r $keyring ]] || printf 'Signed-By: %s\n' "$keyring"
}

# The machine's own apt sources, a line each: "URI release", of Debian's alone.
debian_sources() {
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" { print $3, $4 }' | sort -u
}

debian_mirror() {
  debian_sources | awk -v release="$(os_release VERSION_CODENAME)" '$2 == release && !found++ { print $1 }'
}
