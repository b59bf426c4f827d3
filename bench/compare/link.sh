#!/usr/bin/env bash
# The private link against Debian's wireguard-go, a newer one that joins packets, and boringtun-cli; see link.py. Needs iproute2, iperf3, ping,
# wireguard-tools and wireguard-go (apt-get install -y iproute2 iperf3 iputils-ping wireguard-tools wireguard-go); gets the newer one and builds
# boringtun-cli into .cache.
#   COMPARE_ROUNDS=5 COMPARE_SECS=4 COMPARE_ONLY="shukuba wireguard-go"
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --quiet --release -p shukuba-link --example wire
scripts/boringtun.sh
scripts/wireguard-go.sh
SHUKUBA_WIRE=$(realpath "${CARGO_TARGET_DIR:-target}/release/examples/wire")
BORINGTUN=$(realpath .cache/boringtun/bin/boringtun-cli)
WIREGUARD_GO_NEW=$(realpath .cache/wireguard-go/usr/bin/wireguard-go)
export SHUKUBA_WIRE BORINGTUN WIREGUARD_GO_NEW
exec python3 bench/compare/link.py
