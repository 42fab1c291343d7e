#!/usr/bin/env bash
# redis-entrypoint [ARGUMENTS FOR redis-server]   starts Redis
# redis-entrypoint health                         exit 0: it accepts the password in the file
#
# The password goes from the file to Redis through pipes. It is never in an
# argument, in an environment or on a disk.
set -euo pipefail

file=${REDIS_PASSWORD_FILE:-/run/secrets/REDIS_PASSWORD}

# Far above any password, and small enough that the configuration below fits into
# a pipe that nobody reads yet.
readonly MAX_BYTES=4096

refuse() {
  printf 'redis: %s\n' "$*" >&2
  exit 1
}

# The user that Redis runs as must be able to read the file, so the privileges go
# first, as in the official image.
drop_privileges() {
  [[ $(id -u) == 0 ]] || return 0
  exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
}

check_file() {
  [[ -e $file ]] || refuse "there is no password file $file"
  [[ -f $file && -r $file ]] || refuse "the password file $file cannot be read by uid $(id -u), gid $(id -g)"
  (($(stat -L -c %s -- "$file") <= MAX_BYTES)) || refuse "the password file $file is larger than $MAX_BYTES bytes"
  [[ -n $(quoted) ]] || refuse "the password file $file is empty"
}

# Prints the password as redis.conf and redis-cli read a quoted word, each byte
# as \xHH: no character of it can end the word, or mean something to Redis.
# A line end at the end of the file is not a part of it.
quoted() {
  local hex
  hex=$(od -An -v -tx1 -- "$file")
  hex=${hex//$'\n'/}
  hex=${hex// /\\x}
  while [[ $hex == *'\x0a' ]]; do
    hex=${hex%'\x0a'}
  done
  [[ -z $hex ]] || printf '"%s"\n' "$hex"
}

configuration() {
  printf 'requirepass %s\n' "$(quoted)"
  # Nothing that Redis holds reaches a disk, not even when a client asks for it:
  # the user redis may not write here.
  printf '%s\n' 'save ""' 'appendonly no' 'dir /'
}

# A pipe, since a here-document may be a file in /tmp. Waiting for the writer
# leaves Redis, which becomes process 1 and reaps no strangers, without a zombie.
start() {
  local input
  exec {input}< <(configuration)
  wait "$!" || refuse "the password file $file could not be read"
  exec redis-server - "$@" <&"$input" {input}<&-
}

# `redis-cli ping` alone exits 0 when it was told to log in first.
healthy() {
  local answer
  answer=$({
    printf 'AUTH %s\n' "$(quoted)"
    printf 'PING\n'
  } | redis-cli -h 127.0.0.1 2>&1) || refuse "does not answer"
  [[ $answer == $'OK\nPONG' ]] || refuse "does not accept the password in $file"
}

drop_privileges "$@"
check_file
if [[ ${1-} == health ]]; then
  healthy
else
  start "$@"
fi
