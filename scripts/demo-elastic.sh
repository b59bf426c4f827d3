#!/usr/bin/env bash
# A day's curve within minutes: four receivers, a server whose scaler starts and ends notifiers as the traffic goes, and a picture of
# it. Ends by itself, with 1 where 99 of 100 notifications were later than the target or the ledger does not add up; leaves nothing
# behind but the picture.
# SHUKUBA_BIN=path uses a binary that is there. DEMO_WITHIN=150s, DEMO_COUNT=15000, DEMO_TARGET=5s, DEMO_POLICY=backlog and
# DEMO_PICTURE=elastic.svg say how long it takes, how many are sent, how late they may be, how it is planned, and where the picture
# goes; DEMO_KEEP=1 keeps the directory.
set -euo pipefail
cd "$(dirname "$0")/.."

within=${DEMO_WITHIN:-150s} count=${DEMO_COUNT:-15000} target=${DEMO_TARGET:-5s} policy=${DEMO_POLICY:-backlog}
picture=$(realpath -m "${DEMO_PICTURE:-target/elastic.svg}")

say() { printf '\n\033[1m== %s\033[0m\n' "$1"; }

if [ -z "${SHUKUBA_BIN:-}" ]; then
    command -v cargo >/dev/null || {
        echo "cargo is missing: install Rust 1.95 or newer with rustup (apt-get install -y rustup, then rustup default stable)" >&2; exit 1; }
    say "building (about three minutes the first time)"
    cargo build -p shukuba
    SHUKUBA_BIN="${CARGO_TARGET_DIR:-target}/debug/shukuba"
fi
bin=$(realpath "$SHUKUBA_BIN")

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-elastic.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ -n "${DEMO_KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
}
trap cleanup EXIT

say "four receivers on this machine, of which each takes 100 ms"
urls=() logs=()
for n in 1 2 3 4; do
    "$bin" sink --log "$dir/$n.log" --default '/slow?ms=100' > "$dir/$n.out" &
    pids+=($!)
    for _ in $(seq 100); do [ -s "$dir/$n.out" ] && break; sleep 0.1; done
    [ -s "$dir/$n.out" ] || { echo "the sink $n did not start" >&2; exit 1; }
    urls+=(--url "$(cat "$dir/$n.out")"); logs+=(--log "$dir/$n.log")
done

cat > "$dir/shukuba.toml" <<TOML
[routes.elastic]
queue = "elastic"

# A minute of the day is a tenth of a second here: plans are made each second, and notifiers live for 15.
[scaler]
policy = "$policy"
interval = "1s"
notifier_per_minute = 3800
notifiers_max = 40
target_age = "2s"
drain_within = "4s"
cool_down = "3s"

# Small ones, so that it is seen how they come and go: 8 slots at four receivers are some 64 sends a second.
[notifier]
slots = 8
life = "15s"

[results]
seal_interval = "1s"

[destinations."*"]
allow_cidrs = ["127.0.0.0/8"]
timeout_total = "3s"
TOML
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY SHUKUBA_ENDPOINT
export SHUKUBA_DATA="$dir/data" SHUKUBA_CONFIG="$dir/shukuba.toml"

say "one server; its scaler plans by \`$policy\`"
SHUKUBA_LOG=${SHUKUBA_LOG:-warn} "$bin" serve --listen 127.0.0.1:0 &
server=$!; pids+=("$server")
for _ in $(seq 600); do [ -s "$dir/data/endpoint" ] && break; kill -0 "$server" || exit 1; sleep 0.1; done

say "$count notifications along the curve of a day (examples/traffic/day.csv), within $within"
mkdir -p "$(dirname "$picture")"
failed=0
"$bin" rehearse --queue elastic --traffic examples/traffic/day.csv --within "$within" --count "$count" \
    "${urls[@]}" "${logs[@]}" --target-p99 "$target" --picture "$picture" || failed=1
echo "picture: $picture"

say "the scaler's last plans"
"$bin" scaler status --max 6

say "does it add up? every accepted notification is in exactly one state"
"$bin" ledger || failed=1

say "done in ${SECONDS}s"
[ "$failed" = 0 ] || { echo "the target was missed, or something is not accounted for: see above" >&2; exit 1; }
