#!/usr/bin/env bash
# Rehearses a rolling upgrade with two real programs, on PostgreSQL and under load: those of a commit are replaced node by node by
# those of another one, or of what lies here. Both are built; the test fails where a slot is missed, given twice or unaccounted
# for, or a notice is lost. Between the two may only be migrations that expand (docs/operations.md, Upgrade).
#
# Usage: rehearse-upgrade.sh FROM [TO]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

if [[ $# -lt 1 || $# -gt 2 || -z $1 ]]; then
    echo 'usage: rehearse-upgrade.sh FROM [TO] (commits; make rehearse-upgrade FROM=... TO=...)' >&2
    exit 2
fi

readonly room=$PWD/target/upgrade
readonly source=$room/source
readonly rehearsed='fault::rolling::nodes_that_are_replaced_one_after_the_other_miss_no_slot'

# What an earlier run may have left behind as well.
clear_source() {
    rm -rf "$source"
    git worktree prune
}
trap clear_source EXIT

# Builds the program of a commit, as it was built then, and leaves it where it is said to be.
build() {
    local -r commit=$1 program=$2
    if [[ ! -x $program ]]; then
        clear_source
        git worktree add --quiet --detach "$source" "$commit"
        rm -f "$room/build/debug/watchkeeper"
        (cd "$source" && CARGO_TARGET_DIR=$room/build cargo build --locked --package watchkeeper)
        install -D "$room/build/debug/watchkeeper" "$program.new"
        mv "$program.new" "$program"
    fi
}

commit_of() { git rev-parse --verify --quiet --short "$1^{commit}" || { echo "there is no commit $1" >&2; return 1; }; }

unset WATCHKEEPER_EARLIER_BIN WATCHKEEPER_LATER_BIN
from=$(commit_of "$1")
build "$from" "$room/bin/$from"
export WATCHKEEPER_EARLIER_BIN=$room/bin/$from
if [[ -n ${2:-} ]]; then
    to=$(commit_of "$2")
    build "$to" "$room/bin/$to"
    export WATCHKEEPER_LATER_BIN=$room/bin/$to
fi
cargo test --locked --package watchkeeper --test process -- --nocapture --exact "$rehearsed" | tee "$room/log"
grep --quiet '^test result: ok. 1 passed' "$room/log" || { echo "$rehearsed did not run" >&2; exit 1; }
