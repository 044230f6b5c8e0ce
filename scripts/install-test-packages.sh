#!/usr/bin/env bash
# Sees to it that programs which tests start are on the machine. As root on Debian (or a relative) it installs what is
# missing; elsewhere it names what is missing and fails.
#
#     scripts/install-test-packages.sh [postgresql] [chromium] [faketime] [iproute2] [prometheus]
set -euo pipefail

has_postgres() {
    # A database that the caller names, or a Docker engine that answers, does as well.
    [[ -n "${TEST_DATABASE_URL:-}" ]] \
        || command -v initdb >/dev/null \
        || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null \
        || docker info >/dev/null 2>&1
}

has_chromium() {
    [[ -x "${CHROMIUM:-/usr/bin/chromium}" ]]
}

has_faketime() {
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || [[ -e /usr/lib64/faketime/libfaketimeMT.so.1 ]]
}

has_iproute2() {
    command -v ip >/dev/null
}

# Its promtool alone is needed.
has_prometheus() {
    command -v promtool >/dev/null
}

missing=()
for package in "$@"; do
    case $package in
        postgresql) has_postgres ;;
        chromium) has_chromium ;;
        faketime) has_faketime ;;
        iproute2) has_iproute2 ;;
        prometheus) has_prometheus ;;
        *) echo "$package: a package that no test needs" >&2 && exit 2 ;;
    esac || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "The tests need these packages, please install them: ${missing[*]} (Debian's names);" \
        "or name what there is: a browser in CHROMIUM, a PostgreSQL server for tests in TEST_DATABASE_URL" >&2
    exit 1
fi

echo "Installing what the tests need: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    # The tests make clusters of their own: the package needs to make none, and to start no server.
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/no-main-cluster.conf
fi
if [[ " ${missing[*]} " == *" prometheus "* && ! -e /etc/systemd/system/prometheus.service ]]; then
    # No server of it is to be started.
    mkdir -p /etc/systemd/system
    ln -s /dev/null /etc/systemd/system/prometheus.service
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
