#!/usr/bin/env bash
# Makes an image that testcontainers can run in the place of the official `postgres`, from the PostgreSQL that is
# installed on this machine: for machines with a Docker engine that cannot pull images.
#
#     scripts/test-postgres-image.sh [name:tag]      (default: watchkeeper-test-postgres:local)
#
# The image holds the server, the libraries it needs, and a small entry script that understands POSTGRES_USER,
# POSTGRES_PASSWORD and POSTGRES_DB. Name it in WATCHKEEPER_TEST_POSTGRES_IMAGE.
set -euo pipefail

image=${1:-watchkeeper-test-postgres:local}

bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2> /dev/null | sort -V | tail -n 1)
if [[ -z $bin || ! -x $bin/initdb ]]; then
    echo 'there is no PostgreSQL server to make an image of: apt-get install postgresql' >&2
    exit 1
fi
version=$(basename "$(dirname "$bin")")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

programs=("$bin"/{postgres,initdb,psql,pg_ctl,pg_isready} /bin/sh /bin/sleep /bin/cat /bin/chown /bin/mkdir /bin/chmod /usr/bin/setpriv)
extensions=("/usr/lib/postgresql/$version/lib"/{plpgsql,dict_snowball}.so)

# A file at its own path, with whatever it links to.
put() {
    local file
    for file in "$@"; do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
    done
}

mkdir -p "$root"/{bin,lib,lib64,etc,tmp,run/postgresql,var/lib/postgresql,usr/share/postgresql}
chmod 1777 "$root/tmp"
put "${programs[@]}" "${extensions[@]}"
# What the programs and extensions link to, by the paths at which they look for it.
ldd "${programs[@]}" "${extensions[@]}" | grep -v ':$' | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
    [[ -e $root$library ]] || put "$library"
done
cp -rL "/usr/share/postgresql/$version" "$root/usr/share/postgresql/"
put /usr/share/zoneinfo/UTC
printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' > "$root/etc/group"

cat > "$root/entry" << ENTRY
#!/bin/sh
# Starts a server with one user and one database, as the official image does, which also starts twice: once to be set
# up, and once to serve. Both times it says so.
set -eu
user=\${POSTGRES_USER:-postgres}
database=\${POSTGRES_DB:-\$user}
data=/var/lib/postgresql/data
as_postgres() { setpriv --reuid=999 --regid=999 --clear-groups "\$@"; }
mkdir -p "\$data" /run/postgresql
chown 999:999 "\$data" /run/postgresql
chmod 700 "\$data"
printf '%s' "\${POSTGRES_PASSWORD:?}" > /tmp/password
chown 999:999 /tmp/password
as_postgres initdb -D "\$data" -U "\$user" --pwfile=/tmp/password -A scram-sha-256 --auth-local=trust -E UTF8 \\
    --locale=C --no-sync
printf 'host all all all scram-sha-256\n' >> "\$data/pg_hba.conf"
as_postgres pg_ctl -D "\$data" -w -o "-c listen_addresses='' -c unix_socket_directories=/run/postgresql" start
if [ "\$database" != postgres ]; then
    as_postgres psql -h /run/postgresql -U "\$user" -d postgres -c "CREATE DATABASE \"\$database\""
fi
as_postgres pg_ctl -D "\$data" -m fast -w stop
exec setpriv --reuid=999 --regid=999 --clear-groups \\
    postgres -D "\$data" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql "\$@"
ENTRY
chmod +x "$root/entry"

tar -C "$root" -c . | docker import \
    --change "ENV PATH=$bin:/usr/bin:/bin" \
    --change 'ENTRYPOINT ["/entry"]' \
    --change 'EXPOSE 5432' \
    - "$image" > /dev/null
echo "$image holds PostgreSQL $version of this machine"
