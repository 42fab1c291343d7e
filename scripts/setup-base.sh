# shellcheck shell=bash
# The base image (Debian 12 with Node 24 and npm); sourced by setup.sh.
#
# Where an image registry can be reached that is the official Node image. Where
# there is none, the same thing is put together from Debian's packages and the
# npm registry, once.

readonly OFFICIAL_BASE=node:24-bookworm-slim
readonly LOCAL_BASE=sidecrypt-base:bookworm-node24
readonly SUITE=bookworm
readonly CA_DIR=/usr/local/share/sidecrypt-ca
BASE=

# Sets BASE, rather than printing it: see make_scratch.
find_base() {
  [[ -z $BASE ]] || return 0
  if [[ -n ${SIDECRYPT_BASE-} ]]; then
    BASE=$SIDECRYPT_BASE
    say "base $BASE (named by SIDECRYPT_BASE)"
  elif has_image "$LOCAL_BASE"; then
    BASE=$LOCAL_BASE
    say "base $BASE (built here earlier)"
  elif has_image "$OFFICIAL_BASE"; then
    BASE=$OFFICIAL_BASE
    say "base $BASE"
  elif pull_base; then
    BASE=$OFFICIAL_BASE
    say "base $BASE (pulled)"
  else
    build_base
    BASE=$LOCAL_BASE
    say "base $BASE (built here)"
  fi
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

pull_base() {
  local limit=()
  if has timeout; then
    limit=(timeout 60)
  fi
  say "pulling $OFFICIAL_BASE"
  "${limit[@]+"${limit[@]}"}" docker pull "$OFFICIAL_BASE" >>"$LOG" 2>&1 </dev/null && return
  say "no image registry can be reached from here"
  return 1
}

build_base() {
  local dir arch
  if ! is_debian_like || ! is_root; then
    fail "the base image $OFFICIAL_BASE is neither here nor can it be pulled: load it (docker load), or name another one in SIDECRYPT_BASE (as root on Debian and Ubuntu this script builds one)"
  fi
  has npm || fail "the base image cannot be pulled, and building one takes Node out of the npm registry: install npm, or name an image in SIDECRYPT_BASE"
  case $(dpkg --print-architecture) in
    amd64) arch=x64 ;;
    arm64) arch=arm64 ;;
    *) fail "the base image cannot be pulled, and there is no Node for $(dpkg --print-architecture) to build one with: name an image in SIDECRYPT_BASE" ;;
  esac
  say "building $LOCAL_BASE from Debian's packages and the npm registry; this is done once and takes a minute or two"
  make_scratch
  dir=$SCRATCH/base
  mkdir "$dir"
  add_debian "$dir/root"
  add_sources "$dir/root"
  add_node "$dir" "$arch"
  add_authorities "$dir/root"
  quiet "docker import" import_base "$dir/root"
  rm -rf --one-file-system -- "$dir"
}

add_debian() {
  local root=$1 mirror=
  if ! has debootstrap; then
    apt_update
    apt_install debootstrap debian-archive-keyring
  fi
  # Ubuntu's mirrors hold no Debian; there debootstrap knows its own.
  if [[ $(os_release ID) == debian ]]; then
    mirror=$(debian_mirror)
  fi
  # shellcheck disable=SC2086 # no mirror is no argument
  quiet "debootstrap" debootstrap --variant=minbase --include=ca-certificates,libstdc++6 "$SUITE" "$root" $mirror
  as_container "$root"
}

# As in the official images: no package starts its daemon during a build, and
# apt keeps neither archives nor caches (80 MB in each layer that installs).
as_container() {
  local root=$1
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'TEXT'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
TEXT
}

# debootstrap names the release only; the machine's own sources say where its
# updates and security fixes are.
add_sources() {
  local root=$1 own uri release
  own=$(os_release VERSION_CODENAME)
  [[ $(os_release ID) == debian && -n $own ]] || return 0
  debian_sources | while read -r uri release; do
    case $release in
      "$own" | "$own-updates" | "$own-security") printf 'deb %s %s main\n' "$uri" "$SUITE${release#"$own"}" ;;
    esac
  done >"$root/etc/apt/sources.list.new"
  if [[ -s $root/etc/apt/sources.list.new ]]; then
    mv -- "$root/etc/apt/sources.list.new" "$root/etc/apt/sources.list"
  else
    rm -- "$root/etc/apt/sources.list.new"
  fi
}

add_node() {
  local dir=$1 arch=$2 prefix=$1/root/usr/local
  mkdir "$dir/node" "$dir/npm"
  quiet "npm pack node-linux-$arch@24" fetch_package "$dir/node" "node-linux-$arch@24"
  quiet "npm pack npm@11" fetch_package "$dir/npm" npm@11
  install -m 0755 -- "$dir/node/package/bin/node" "$prefix/bin/node"
  mkdir -p -- "$prefix/lib/node_modules"
  mv -- "$dir/npm/package" "$prefix/lib/node_modules/npm"
  chown -R 0:0 -- "$prefix/lib/node_modules"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$prefix/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$prefix/bin/npx"
  quiet "node in the base image" chroot "$dir/root" /usr/local/bin/node --version
}

# In a folder of its own, where no project's .npmrc speaks.
fetch_package() (
  cd "$1" && npm pack --ignore-scripts "$2" && tar -xzf ./*.tgz
)

# A machine that needs a certificate authority of its own to reach the
# registries needs it inside a build too.
add_authorities() {
  local root=$1 name
  IMPORT_ENV=()
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE; do
    [[ -n ${!name-} && -r ${!name} ]] || continue
    mkdir -p -- "$root$CA_DIR"
    install -m 0644 -- "${!name}" "$root$CA_DIR/$name.pem"
    IMPORT_ENV+=(-c "ENV $name=$CA_DIR/$name.pem")
    say "the base image takes over this machine's $name"
  done
}

# What only a person would read, and what apt fetches again, stays out.
import_base() {
  tar -C "$1" --numeric-owner --one-file-system \
    --exclude='./dev/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./var/cache/apt/*' --exclude='./var/log/*' --exclude='./debootstrap' -c . |
    docker import "${IMPORT_ENV[@]+"${IMPORT_ENV[@]}"}" -c 'CMD ["node"]' - "$LOCAL_BASE"
}
