#!/bin/sh
# Sourced by the set-up scripts: `step WORDS COMMAND…` runs a command and shows that it lives and how long it took.

say() { printf '%s\n' "$*"; }

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

seconds() { date +%s; }

# npm says what is wrong first, pip last.
tell() {
    if [ "$(wc -l <"$1")" -le 40 ]; then
        cat "$1"
    else
        head -n 15 "$1"
        echo '  […]'
        tail -n 25 "$1"
    fi
}

# On a terminal the seconds tick; elsewhere (CI) a line every 20 s says that the step goes on.
step() {
    words=$1
    shift
    log=$(mktemp)
    begun=$(seconds)
    "$@" >"$log" 2>&1 </dev/null &
    job=$!
    trap 'kill "$job" 2>/dev/null; rm -f "$log"; exit 130' INT TERM
    [ -t 1 ] || say "  … $words"
    told=$begun
    while kill -0 "$job" 2>/dev/null; do
        now=$(seconds)
        if [ -t 1 ]; then
            printf '\r  … %s (%s s) ' "$words" $((now - begun))
        elif [ $((now - told)) -ge 20 ]; then
            say "  … $words ($((now - begun)) s)"
            told=$now
        fi
        sleep 0.2
    done
    code=0
    wait "$job" || code=$?
    trap - INT TERM
    [ -t 1 ] && printf '\r\033[K'
    if [ "$code" -ne 0 ]; then
        say "  ✗ $words"
        tell "$log" >&2
        fail "All of what it said: $log"
    fi
    rm -f "$log"
    say "  ✓ $words ($(($(seconds) - begun)) s)"
}
