#!/bin/sh
# Make the database at the first start, then become PostgreSQL. The password is made here, and lies
# in a file that the webserver alone is given besides.
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
major=$(basename "$(dirname "$bin")")
made_by=$(cat /data/cluster/PG_VERSION 2>/dev/null || true)
if [ -n "$made_by" ] && [ "$made_by" != "$major" ]; then
  echo "The database was made by PostgreSQL $made_by, and this image has $major: start the earlier" \
    "image again, make a backup with \`fedota backup\`, and restore it into an empty database." >&2
  exit 1
fi
if [ ! -s /data/cluster/PG_VERSION ]; then
  umask 077
  rm -rf /data/cluster.new
  password=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
  printf '%s\n' "$password" >/secrets/password.new
  "$bin/initdb" --pgdata=/data/cluster.new --username=fedota --pwfile=/secrets/password.new \
    --auth-local=scram-sha-256 --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  printf 'database:5432:*:fedota:%s\n' "$password" >/secrets/pgpass
  rm /secrets/password.new
  echo 'host all all samenet scram-sha-256' >>/data/cluster.new/pg_hba.conf
  PGPASSWORD=$password
  export PGPASSWORD
  "$bin/pg_ctl" --pgdata=/data/cluster.new --wait --silent \
    --options="-c listen_addresses='' -k /tmp" start
  "$bin/createdb" --host=/tmp --username=fedota fedota
  "$bin/pg_ctl" --pgdata=/data/cluster.new --wait --silent stop
  mv /data/cluster.new /data/cluster
fi
exec "$bin/postgres" -D /data/cluster -k /tmp -c listen_addresses='*' \
  -c password_encryption=scram-sha-256
