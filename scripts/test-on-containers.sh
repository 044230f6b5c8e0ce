#!/usr/bin/env bash
# Runs the PostgreSQL store's tests on containers (testcontainers), so that this path is exercised as well. Where no Docker
# engine answers, one is started if that can be done (as root, installing Debian's where it is missing) and stopped at the
# end; where that cannot be done either, it says so and answers 77. What it starts, it stops.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly NOT_RUN=77

engine=''
directory=''

stop_engine() {
    if [[ -n $engine ]]; then
        kill "$engine" 2> /dev/null || true
        wait "$engine" 2> /dev/null || true
    fi
    if [[ -n $directory ]]; then
        rm -rf "$directory"
    fi
}
trap stop_engine EXIT

answers() { docker version --format '{{.Server.Version}}' > /dev/null 2>&1; }

start_engine() {
    if [[ $(id -u) -ne 0 ]]; then
        echo 'stores on containers: not run, since no Docker engine answers and only root can start one'
        exit "$NOT_RUN"
    fi
    if ! command -v dockerd > /dev/null; then
        if ! command -v apt-get > /dev/null || ! apt-get update -qq || ! apt-get install -y --no-install-recommends docker.io iptables > /dev/null 2>&1; then
            echo 'stores on containers: not run, since no Docker engine answers and none can be installed'
            exit "$NOT_RUN"
        fi
    fi
    directory=$(mktemp -d)
    export DOCKER_HOST="unix://$directory/docker.sock"
    dockerd --host "$DOCKER_HOST" --data-root "$directory/data" --exec-root "$directory/exec" \
        --pidfile "$directory/docker.pid" "$@" > "$directory/log" 2>&1 &
    engine=$!
    local waited
    for waited in $(seq 120); do
        if answers; then
            echo "started a Docker engine (after $((waited / 2)) s)"
            return
        fi
        if ! kill -0 "$engine" 2> /dev/null; then
            break
        fi
        sleep 0.5
    done
    echo 'stores on containers: not run, since the Docker engine does not start on this machine:'
    tail -n 5 "$directory/log"
    exit "$NOT_RUN"
}

if ! answers; then
    start_engine "$@"
fi

image=${WATCHKEEPER_TEST_POSTGRES_IMAGE:-postgres:15}
if ! docker image inspect "$image" > /dev/null 2>&1 && ! timeout 120 docker pull --quiet "$image" > /dev/null 2>&1; then
    image=watchkeeper-test-postgres:local
    scripts/test-postgres-image.sh "$image"
fi

WATCHKEEPER_TEST_POSTGRES=docker WATCHKEEPER_TEST_POSTGRES_IMAGE=$image \
    cargo test --workspace --test stores postgres
