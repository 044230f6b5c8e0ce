#!/usr/bin/env bash
# Shows the main job by hand, with curl, against a binary as it is released: sign up, watch a target, see it checked, go
# down and come back. Prints what it does and what comes of it; fails where anything is not as told.
#
#   scripts/tour.sh [BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-target/release/watchkeeper}
directory=$(mktemp -d)
server_log=$directory/console
patience=60

finish() {
    # What has ended by itself needs no ending.
    kill "${server:-}" "${target:-}" 2>/dev/null || true
    wait
    rm -rf "$directory"
}
trap finish EXIT

# Prints a command, runs it, and keeps what it prints in `answer`. Words with more than letters in them are quoted, and
# what would differ each time has a name.
show() {
    local word printed=''
    for word in "$@"; do
        word=${word//$api/\$api} word=${word//$token/\$token} word=${word//$id/\$id}
        case $word in
            *\"*) printed+=" '$word'" ;;
            *[\ ?\&]*) printed+=" \"$word\"" ;;
            *) printed+=" $word" ;;
        esac
    done
    printf '\n$%s\n' "$printed"
    answer=$("$@")
    sed -E 's/"access_token":"[^"]*"/"access_token":"eyJ..."/' <<<"$answer"
}

# A value out of the JSON in `answer`.
value() {
    node -p "JSON.parse(require('fs').readFileSync(0))$1" <<<"$answer"
}

# Asks until the condition $1 holds for `answer`, then shows the question once more.
until_shown() {
    local condition=$1 end=$((SECONDS + patience))
    shift
    until answer=$("$@") && [[ $(value "$condition") == true ]]; do
        ((SECONDS < end)) || { echo "in vain: waiting for $condition" >&2; exit 1; }
        sleep 0.2
    done
    show "$@"
}

free_port() {
    node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })"
}

serve_target() {
    node -e "require('http').createServer((_, answer) => answer.end('hello')).listen($1, '127.0.0.1')" &
    target=$!
}

token=unknown
id=unknown
port=$(free_port)
target_port=$(free_port)
serve_target "$target_port"
WATCHKEEPER_LISTEN=127.0.0.1:$port WATCHKEEPER_DATA_DIR=$directory/data WATCHKEEPER_ALLOW_TARGETS=127.0.0.0/8 \
    "$binary" serve >"$server_log" 2>&1 &
server=$!
until curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; do
    kill -0 "$server" || { cat "$server_log"; exit 1; }
    sleep 0.1
done

curl -sf "http://127.0.0.1:$port/" | grep -q '<div id="root"' || { echo 'the dashboard is not in the binary' >&2; exit 1; }

api=http://127.0.0.1:$port/api/v1
json='Content-Type: application/json'
show curl -s "$api/auth/signup" -H "$json" -d '{"email": "ada@example.org", "password": "several plain words, and 1847"}'
token=$(value .access_token)
bearer="Authorization: Bearer $token"
show curl -s "$api/monitors" -H "$bearer" -H "$json" \
    -d '{"name": "Shop", "target": {"type": "http", "url": "http://127.0.0.1:'"$target_port"'/"}, "interval_seconds": 5}'
id=$(value .id)
until_shown '.items.length >= 2' curl -s "$api/monitors/$id/checks?limit=2" -H "$bearer"

printf '\n# The target goes down ...\n'
kill "$target"
wait "$target" || true
until_shown '.items.length == 1' curl -s "$api/monitors/$id/incidents" -H "$bearer"

printf '\n# ... and comes back.\n'
serve_target "$target_port"
until_shown '.items[0].ended_at != null' curl -s "$api/monitors/$id/incidents" -H "$bearer"
show curl -s "$api/monitors/$id/uptime" -H "$bearer"
show curl -s "$api/monitors/$id/slots" -H "$bearer"
[[ $(value .unaccounted) == 0 ]] || { echo 'slots are unaccounted for' >&2; exit 1; }

printf '\n# On the console meanwhile:\n'
kill -TERM "$server"
wait "$server"
cat "$server_log"
grep -q "$target_port.*DOWN\|DOWN.*$target_port" "$server_log" || { echo 'no line tells that it went down' >&2; exit 1; }
