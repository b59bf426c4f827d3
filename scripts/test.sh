#!/usr/bin/env bash
# Every test, cheapest first: format, tidy, lints, the crates' own tests, real clients, torture, the articles.
# `scripts/test.sh check` stops after the crates' own tests.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "format";  cargo fmt --all --check
step "tidy";    cargo xtask tidy
step "lints";   cargo clippy --quiet --workspace --all-targets -- -D warnings
step "crates";  cargo test --quiet --workspace
[ "${1:-}" = check ] && exit 0

step "build";   cargo build --quiet -p shukuba
export SHUKUBA_BIN="$PWD/target/debug/shukuba"
step "clients"; scripts/venv.sh; .venv/bin/python -m pytest -q tests/compat
step "articles"
for script in examples/articles/*.sh; do bash "$script"; done
step "done"
