#!/usr/bin/env bash
# Every test, cheapest first: format, tidy, lints, the crates' own tests, the fuzz targets, real clients, the articles, kills,
# hosts in namespaces, the demonstrations.
# `scripts/test.sh check` stops after the tests that need no built server. Those that need one wait more than they work: the clients' run
# in several processes, with the others beside them; what these said comes after.
set -euo pipefail
cd "$(dirname "$0")/.."

# That run the clients' tests: two for each of the two cores of a small machine, since they wait half of their time.
PROCESSES=${SHUKUBA_TEST_PROCESSES:-4}

articles() {
    local script
    for script in examples/articles/*.sh examples/move.sh; do bash "$script"; done
}

# Kills servers, and notifiers of their own: both at once, since what the second leaves behind is leased for a minute.
torture() {
    local lone failed=0
    "$SHUKUBA_BIN" torture --lone --kills 5 2> >(grep -v '^kill ' >&2) & lone=$!
    "$SHUKUBA_BIN" torture --kills 100 2> >(grep -v '^kill ' >&2) || failed=1
    "$SHUKUBA_BIN" torture --replay 5000 --kills 2 2> >(grep -v '^kill ' >&2) || failed=1
    wait "$lone" || failed=1
    return "$failed"
}

demo() { scripts/demo.sh; }

# Hosts in network namespaces, with agents, gateways and packets.
hosts() { scripts/hosts-tests.sh; }

# A short one, on a machine that is busy: how late it is shows nothing here.
elastic() {
    local dir
    dir=$(mktemp -d)
    DEMO_WITHIN=15s DEMO_COUNT=1500 DEMO_TARGET=1h DEMO_PICTURE="$dir/elastic.svg" scripts/demo-elastic.sh
    rm -r "$dir"
}

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

# Runs steps one after another beside what follows, in a process group of their own.
beside() { # STEP…
    said=$(mktemp -d)
    set -m
    in_turn "$@" < /dev/null & others=$!
    set +m
    trap 'kill -- "-$others" 2>/dev/null || true; rm -rf "$said"' EXIT
}

in_turn() { # STEP…
    local name began
    set +e
    for name in "$@"; do
        began=$SECONDS
        (set -e; "$name") > "$said/$name" 2>&1
        echo "$?" > "$said/$name.status"
        echo "$((SECONDS - began))" > "$said/$name.secs"
    done
}

# Waits for the steps beside; what each said, and whether all went well.
join() { # STEP…
    local name status failed=0
    wait "$others" || failed=1
    for name in "$@"; do
        step "$name, beside, in $(cat "$said/$name.secs")s"
        cat "$said/$name"
        status=$(cat "$said/$name.status")
        [ "$status" = 0 ] || { echo "$name failed: exit code $status" >&2; failed=1; }
    done
    return "$failed"
}

step "format";   cargo fmt --all --check
step "tidy";     cargo xtask tidy
step "lints";    cargo clippy --quiet --workspace --all-targets -- -D warnings
step "units";    cargo test --quiet --workspace --lib --bins
[ "${1:-}" = check ] && exit 0

# They are only compiled: nothing is linked, so no C++ compiler is needed for libFuzzer.
step "fuzz";     CUSTOM_LIBFUZZER_PATH=/dev/null cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}"
step "build";    cargo build --quiet -p shukuba
SHUKUBA_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/debug/shukuba"
export SHUKUBA_BIN
# Before the crates' tests: the adapters to AWS keep their contracts on moto's server too, which is one of them.
step "tools";    scripts/venv.sh; scripts/browser.sh; scripts/plugins.sh; scripts/netns.sh
step "crates";   cargo test --quiet --workspace --test '*'
failed=0
step "clients"
beside hosts articles torture demo elastic
.venv/bin/python -m pytest -q -n "$PROCESSES" --dist loadfile --no-loadscope-reorder tests/compat || failed=1
join hosts articles torture demo elastic || failed=1
[ "$failed" = 0 ] || exit 1
step "done"
