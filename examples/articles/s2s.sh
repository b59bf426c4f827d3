#!/usr/bin/env bash
# The second article, in its order: a log with destinations' URLs, SQS, a scaler that reads how much was sent, notifiers, results.
# Prints each step with ok, refused or (without aws-cli) skipped; ends by itself within a minute. SHUKUBA_BIN names the binary.
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

say() { printf '%-62s %s\n' "$1" "$2"; }
step() { # NAME COMMAND…: runs it and says ok, or refused with what was said
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then say "$name" ok; else say "$name" refused; cat "$dir/out" >&2; exit 1; fi
}
until_true() { for _ in $(seq 300); do "$@" && return 0; sleep 0.1; done; "$bin" scaler status >&2; return 1; }

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
notifier_per_minute = 18000

[notifier]
life = "5s"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
SETTINGS
"$bin" serve --listen 127.0.0.1:0 & pids+=($!)
until_true test -s "$dir/data/endpoint"

# Before: logs that hold the destination's URL, on two hosts; the second has twice as many.
log() { for n in $(seq "$2"); do printf 'url:%s/ok?host=%s&n=%s\tid:h%s-%s\n' "$sink" "$1" "$n" "$1" "$n"; done > "$dir/host$1.ltsv"; }
log 1 250
log 2 500
# Packed: one message, so that all of it is sent within one interval of the scaler.
ship() { "$bin" ship --queue s2s --once --pack=64KiB --state "$dir/ship$1" "$dir/host$1.ltsv"; }
delivered() { "$bin" ledger | grep -Eq "^s2s +$1 .* $1 "; }
planned() { "$bin" scaler status | grep -E " s2s +$2 +[0-9]+ +$1 sent in"; } # SENT WANTED
step "1  a log with the destination's URL is sent to the queue" ship 1
step "2  the scaler reads how much was sent and starts notifiers" until_true planned 250 1
step "3  notifiers receive, send and store results" until_true delivered 250
stored() { find "$dir/data/results" -name '*.ndjson.zst' | grep -q .; }
step "3  results lie as objects, by route, day and hour" until_true stored
ended() { "$bin" scaler status --max 1 | grep ': 0 wanted, 0 running, 0 started'; }
step "problem 1: idle notifiers end, none runs for nothing" until_true ended
step "1  the log of another host, twice as long" ship 2
step "problem 2: twice the sent count, twice the notifiers planned" until_true planned 500 2
step "problem 2: all of it is delivered" until_true delivered 750
step "problem 3: which host, which file, which line sent this one?" "$bin" why h2-250
grep -q 'host2.ltsv' "$dir/out" || { echo "why does not name the file" >&2; exit 1; }

# Any other client, by the key that the data directory gives to its owner.
aws=.venv/bin/aws
with_aws_cli() (
    eval "$("$bin" env)"
    sqs() { "$aws" sqs "$@" --endpoint-url "$AWS_ENDPOINT_URL" --output text; } # version 1 does not read the variable
    url=$(sqs get-queue-url --queue-name s2s --query QueueUrl)
    sqs send-message --queue-url "$url" --message-body "url:$sink/ok?by=aws-cli"
)
if [ -x "$aws" ]; then
    step "1  aws-cli sends to the same queue" with_aws_cli
    step "3  and that is delivered as well" until_true delivered 751
else
    say "1  aws-cli sends to the same queue" "skipped: scripts/venv.sh makes $aws"
fi
step "nothing is lost: the ledger balances" "$bin" ledger
