#!/usr/bin/env bash
# The second article, in its order: a log with destinations' URLs, SQS, a scaler that reads how much was sent, notifiers, results.
# Prints each step with ok or refused; ends by itself within a minute. SHUKUBA_BIN names the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${SHUKUBA_BIN:-target/debug/shukuba}")
[ -x "$bin" ] || { echo "no binary: cargo build -p shukuba" >&2; exit 1; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-s2s.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS AWS_PROFILE SHUKUBA_ENDPOINT
export SHUKUBA_DATA="$dir/data" SHUKUBA_CONFIG="$dir/shukuba.toml" SHUKUBA_LOG=error

step() { # NAME COMMAND…: runs it and says ok, or refused with what was said
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then printf '%-62s ok\n' "$name"; else printf '%-62s refused\n' "$name"; cat "$dir/out" >&2; exit 1; fi
}
until_true() { for _ in $(seq 300); do "$@" && return 0; sleep 0.1; done; return 1; }

# The measurement tool's side: a receiver.
"$bin" sink --listen 127.0.0.1:0 > "$dir/sink.out" & pids+=($!)
until_true test -s "$dir/sink.out"
sink=$(cat "$dir/sink.out")

cat > "$dir/shukuba.toml" <<SETTINGS
[routes.s2s]
queue = "s2s"
format = { kind = "ltsv" }

[scaler]
interval = "1s"
notifiers_min = 0
notifier_per_minute = 6000

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
SETTINGS
"$bin" serve --listen 127.0.0.1:0 & pids+=($!)
until_true test -s "$dir/data/endpoint"

# Before: logs that hold the destination's URL, on several hosts.
for host in 1 2; do
    for n in $(seq 250); do printf 'url:%s/ok?host=%s&n=%s\tid:h%s-%s\n' "$sink" "$host" "$n" "$host" "$n"; done > "$dir/host$host.ltsv"
done
step "1  logs with the destination's URL are sent to the queue (host 1)" "$bin" ship --queue s2s --once --state "$dir/ship1" "$dir/host1.ltsv"
step "1  the same from host 2" "$bin" ship --queue s2s --once --state "$dir/ship2" "$dir/host2.ltsv"

planned() { "$bin" scaler status --output json | grep -q '"start": *[1-9]'; }
step "2  the scaler reads what was sent and starts notifiers" until_true planned
delivered() { "$bin" ledger | grep -Eq '^s2s +500 .* 500 '; }
step "3  notifiers receive, send and store results" until_true delivered
stored() { find "$dir/data/results" -name '*.ndjson.zst' | grep -q .; }
step "3  results lie as objects, by route, day and hour" until_true stored
step "problem 1: idle notifiers end, none runs for nothing" "$bin" scaler status
step "problem 2: twice the sent count, twice the notifiers (the plans)" "$bin" scaler status --max 8
step "problem 3: which host, which file, which line sent this one?" "$bin" why h2-250
grep -q 'host2.ltsv' "$dir/out" || { echo "why does not name the file" >&2; exit 1; }
step "nothing is lost: the ledger balances" "$bin" ledger
