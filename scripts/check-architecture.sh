#!/usr/bin/env bash
# Holds the rules of who may know whom, and a few of the house, that neither the compiler nor clippy can hold.
# Each rule prints what breaks it; the run fails when any is broken.
set -euo pipefail
shopt -s lastpipe # `forbid` at the end of a pipeline is to set `failed` here
cd "$(dirname "$0")/.."

failed=0

# Reads offenders, one a line; where there is any, prints the rule and them.
forbid() {
    local offenders
    offenders=$(cat)
    if [[ -n "$offenders" ]]; then
        failed=1
        printf 'broken: %s\n' "$1" >&2
        sed 's/^/    /' <<<"$offenders" >&2
    fi
}

# Which of the packages in $1 (a pattern) a crate is built into programs with; the rest goes to `cargo tree`.
needs() {
    local pattern=$1
    shift
    cargo tree --locked --edges normal --prefix none --format '{p}' --package "$@" | cut -d ' ' -f 1 | sort -u \
        | { grep -Ex "$pattern" || true; }
}

# Like `git grep`, but finding nothing is no failure. New files count before they are committed.
lines_with() {
    git grep --untracked --line-number --extended-regexp "$@" || true
}

impure='tokio.*|async-std|smol|futures-executor|mio|socket2|hyper.*|reqwest|sqlx.*|poem.*|axum|clap|lettre|rustls|aws-lc-.*'
impure+='|tracing.*|log|serde.*|rand.*|getrandom|fastrand|chrono|time|jiff|argon2|anyhow|watchkeeper-adapters|watchkeeper'
needs "$impure" watchkeeper-domain \
    | forbid 'domain knows no runtime, database, network, clock, chance, serialisation or log'

lines_with 'std::(env|fs|net::(Tcp|Udp|ToSocket)|process)' -- domain/src \
    | forbid 'domain does no I/O and never looks at the machine'

needs 'watchkeeper|poem.*|clap.*' watchkeeper-adapters \
    | forbid 'adapters knows domain, and neither app nor its HTTP server or command line'

lines_with '\benv::|std::env\b' -- adapters/src \
    | forbid 'adapters never reads the environment: what it needs is handed to it'

lines_with '(crate|super)::(engine\b|\{[^}]*\bengine\b)' -- app/src/http.rs app/src/http \
    | forbid 'the HTTP side never imports the engine: both call the use cases'

lines_with '(crate|super)::(http\b|\{[^}]*\bhttp\b)' -- app/src/engine.rs app/src/engine \
    | forbid 'the engine never imports the HTTP side: both call the use cases'

lines_with 'watchkeeper_adapters' -- app/src ':!app/src/wiring.rs' ':!app/src/wiring' \
    | forbid 'one module of the program names adapters: app/src/wiring'

generated=(':!Cargo.lock' ':!frontend/package-lock.json')

lines_with '(^|[^[:alnum:]_.~/-])/(root|home/[a-z]|work|Users/[A-Za-z])/' -- . "${generated[@]}" ':!scripts/check-architecture.sh' \
    | forbid 'no file speaks of a path that only one machine has'

lines_with 'crates[.]io|npmj[s]|pypi[.]org|(deb|security)[.]debian' -- . "${generated[@]}" ':!scripts/check-architecture.sh' \
    | forbid 'no file names the host of a package registry: clients know where theirs is'

git ls-files --cached --others --exclude-standard -- '*.rs' '*.ts' '*.tsx' '*.css' '*.sql' '*.sh' Makefile \
    | while read -r file; do
        [[ -f "$file" ]] && (($(wc -l <"$file") > 400)) && ! head -n 20 "$file" | grep -Eiq 'one file because|generated' \
            && echo "$file: $(wc -l <"$file") lines"
        true
    done | forbid 'a file of more than 400 lines says at its top why it is "one file because ..."'

[[ $failed -eq 0 ]] && echo 'architecture: every rule holds'
exit $failed
