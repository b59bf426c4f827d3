#!/usr/bin/env bash
# The whole flow on this machine: a log of 20,000 postbacks, a durable queue, a scaler that starts notifiers, three receivers
# (one flaky, one slow), a stored result for each, and the ledger. Ends by itself; leaves nothing behind.
# SHUKUBA_BIN=path uses a binary that is there; DEMO_KEEP=1 keeps the directory.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m== %s\033[0m\n' "$1"; }
run() { printf '\033[2m$ shukuba %s\033[0m\n' "$*"; "$bin" "$@"; }

if [ -z "${SHUKUBA_BIN:-}" ]; then
    command -v cargo >/dev/null || {
        echo "cargo is missing: install Rust 1.95 or newer with rustup (apt-get install -y rustup, then rustup default stable)" >&2; exit 1; }
    command -v cc >/dev/null || { echo "a C compiler is missing: apt-get update && apt-get install -y gcc libc6-dev" >&2; exit 1; }
    say "building (about three minutes the first time)"
    cargo build -p shukuba
    SHUKUBA_BIN="${CARGO_TARGET_DIR:-target}/debug/shukuba"
fi
bin=$(realpath "$SHUKUBA_BIN")

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-demo.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ -n "${DEMO_KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
}
trap cleanup EXIT

# A receiver for a name: prints its address.
sink() { # NAME HOST BEHAVIOUR
    "$bin" sink --tls-names "$2" --tls-ca "$dir/$1.pem" --default "$3" > "$dir/$1.out" &
    pids+=($!)
    for _ in $(seq 100); do [ -s "$dir/$1.out" ] && break; sleep 0.1; done
    address=$(sed -n 's#https://##p' "$dir/$1.out")
    [ -n "$address" ] || { echo "the sink $1 did not start" >&2; exit 1; }
}

say "three receivers on this machine, under the tools' own names, with TLS"
sink appsflyer api2.appsflyer.com '/ok';                   appsflyer=$address; echo "AppsFlyer $address  answers at once"
sink adjust    s2s.adjust.com     '/flaky?p=0.1&times=1';  adjust=$address;    echo "Adjust    $address  answers every tenth with 503 at first"
sink singular  s2s.singular.net   '/slow?ms=50';           singular=$address;  echo "Singular  $address  takes 50 ms"
sed -e "s/127.0.0.1:5321/$appsflyer/; s/127.0.0.1:5322/$adjust/; s/127.0.0.1:5323/$singular/" \
    -e "s#ca_file = \"#ca_file = \"$dir/#" demo/shukuba.toml > "$dir/shukuba.toml"
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY SHUKUBA_ENDPOINT
export SHUKUBA_DATA="$dir/data" SHUKUBA_CONFIG="$dir/shukuba.toml"

say "one server, one directory"
"$bin" config check
SHUKUBA_LOG=${SHUKUBA_LOG:-warn} "$bin" serve --listen 127.0.0.1:0 &
server=$!; pids+=("$server")
for _ in $(seq 300); do [ -s "$dir/data/endpoint" ] && break; kill -0 "$server" || exit 1; sleep 0.1; done
echo "serving on $(cat "$dir/data/endpoint"), data in $dir/data"

say "before anything is sent: what one line becomes (nothing is sent by this)"
run route test "$(sed -n 2p examples/postbacks.ltsv)"

say "20,000 lines go in; the scaler reads how much was sent and starts notifiers in proportion"
"$bin" ship --queue s2s --once --state "$dir/ship" examples/postbacks.ltsv > "$dir/ship.out" 2>&1 &
ship=$!; pids+=("$ship")
while kill -0 "$ship" 2>/dev/null; do "$bin" status --brief; sleep 1; done
wait "$ship" || { cat "$dir/ship.out" >&2; exit 1; }
"$bin" status --watch 1 --brief --until-done

say "ship's account: read = accepted + set aside + pending"
cat "$dir/ship.out"

say "the scaler's plans: what was sent, what that needs, what runs"
run scaler status --max 8

say "how it stands"
run status

say "what became of one that failed at first?"
id=$("$bin" results list --verdict retry --max 1 --ids)
run why "$id"

say "does it add up? every accepted notification is in exactly one state"
run ledger --destinations

say "done in ${SECONDS}s; try next"
cat <<'NEXT'
  make run                                          keep a server; in another terminal:
  export SHUKUBA_DATA=$PWD/data                     where it keeps everything
  eval "$(./target/debug/shukuba env)"              point aws-cli and SDKs at it
  echo 'https://example.com/?hello=1' | ./target/debug/shukuba send --queue s2s
  ./target/debug/shukuba status --watch             backlog, rates, notifiers, the worst destinations
  ./target/debug/shukuba pause destination example.com
  ./target/debug/shukuba --help                     all commands; settings: docs/reference/configuration.md
NEXT
