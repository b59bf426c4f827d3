#!/usr/bin/env bash
# Every test, cheapest first: format, tidy, lints, the crates' own tests, the fuzz targets, real clients, the articles, kills,
# the demo.
# `scripts/test.sh check` stops after the tests that need no built server.
set -euo pipefail
cd "$(dirname "$0")/.."

# Kills servers, and notifiers of their own: both at once, since what the second leaves behind is leased for a minute.
torture() {
    local lone failed=0
    "$SHUKUBA_BIN" torture --lone --kills 5 2> >(grep -v '^kill ' >&2) & lone=$!
    "$SHUKUBA_BIN" torture --kills 100 2> >(grep -v '^kill ' >&2) || failed=1
    "$SHUKUBA_BIN" torture --replay 5000 --kills 2 2> >(grep -v '^kill ' >&2) || failed=1
    wait "$lone" || failed=1
    return "$failed"
}

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

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
step "crates";   cargo test --quiet --workspace --test '*'
step "clients";  scripts/venv.sh; scripts/browser.sh; scripts/plugins.sh; .venv/bin/python -m pytest -q tests/compat
step "articles"; for script in examples/articles/*.sh; do bash "$script"; done
step "torture";  torture
step "demo";     scripts/demo.sh
step "done"
