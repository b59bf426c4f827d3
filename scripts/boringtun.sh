#!/usr/bin/env bash
# Builds boringtun-cli, a WireGuard in user space, into .cache, where it is missing: the private link is tried and measured with it. About a minute
# of the processor, once. Prints nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=0.7.1
[ -x .cache/boringtun/bin/boringtun-cli ] && exit 0
echo "building boringtun-cli $VERSION for the private link"
CARGO_TARGET_DIR=$(mktemp -d)
trap 'rm -rf "$CARGO_TARGET_DIR"' EXIT
export CARGO_TARGET_DIR
cargo install --quiet --locked --root .cache/boringtun --version "$VERSION" boringtun-cli
