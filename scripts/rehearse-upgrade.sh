#!/usr/bin/env bash
# Rehearses a rolling upgrade with two real programs, on PostgreSQL and under load: those of a commit are replaced node by node by
# those of another one, or of what lies here. Both are built; the test fails where a slot is missed, given twice or unaccounted
# for, or a notice is lost. Between the two may only be migrations that expand (docs/operations.md, Upgrade).
#
# Usage: rehearse-upgrade.sh FROM [TO]
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $# -lt 1 || $# -gt 2 || -z $1 ]]; then
    echo 'usage: rehearse-upgrade.sh FROM [TO] (commits; make rehearse-upgrade FROM=... TO=...)' >&2
    exit 2
fi

readonly room=$PWD/target/upgrade

# Builds the program of a commit and prints where it is.
program_of() {
    local commit
    commit=$(git rev-parse --verify --short "$1^{commit}")
    if [[ ! -x $room/bin/$commit ]]; then
        git worktree add --quiet --detach "$room/source" "$commit" >&2
        trap 'git worktree remove --force "$room/source"' EXIT
        CARGO_TARGET_DIR=$room/build cargo build --locked --package watchkeeper --manifest-path "$room/source/Cargo.toml" >&2
        install -D "$room/build/debug/watchkeeper" "$room/bin/$commit"
    fi
    echo "$room/bin/$commit"
}

WATCHKEEPER_EARLIER_BIN=$(program_of "$1")
export WATCHKEEPER_EARLIER_BIN
if [[ $# -eq 2 && -n $2 ]]; then
    WATCHKEEPER_LATER_BIN=$(program_of "$2")
    export WATCHKEEPER_LATER_BIN
fi
cargo test --locked --package watchkeeper --test process -- --nocapture \
    nodes_that_are_replaced_one_after_the_other_miss_no_slot
