#!/bin/sh
# Initialises the data directory once, as the official image does, then runs the
# server. The password in the file counts at that time only.
set -eu

data=/var/lib/postgresql/data
password=${POSTGRES_PASSWORD_FILE:-/run/secrets/POSTGRES_PASSWORD}

if [ ! -s "$data/PG_VERSION" ]; then
  [ -s "$password" ] || { echo "no password in $password" >&2; exit 1; }
  initdb --pgdata="$data" --username=postgres --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile="$password" --no-sync >/dev/null
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
fi

exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off \
  -c shared_buffers=16MB -c max_connections=20
