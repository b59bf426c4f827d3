#!/usr/bin/env bash
# The second article on its own ground: a scheduled function (a) reads how much was sent and kicks notifying functions (b), which receive,
# notify and store results in a bucket. With aws-cli alone, as on AWS; the functions are the built binary, started by our Lambda.
# (b) lives for 5 seconds here instead of 5 minutes, and the first minute of the schedule is waited for: it ends by itself within two.
# Prints each step with ok or refused. SHUKUBA_BIN names the binary; scripts/venv.sh makes aws-cli.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${SHUKUBA_BIN:-target/debug/shukuba}")
python=${PYTHON_BIN:-.venv/bin/python}
[ -x "$bin" ] || { echo "no binary: cargo build -p shukuba" >&2; exit 1; }
[ -x "$python" ] || { echo "no aws-cli: scripts/venv.sh makes it with $python" >&2; exit 1; }
aws=$(realpath "$(dirname "$python")")/aws

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-functions.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS AWS_PROFILE AWS_SESSION_TOKEN SHUKUBA_ENDPOINT SHUKUBA_CONFIG
export SHUKUBA_DATA="$dir/data" SHUKUBA_LOG=error AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE="$dir/aws" AWS_SHARED_CREDENTIALS_FILE="$dir/aws"

say() { printf '%-66s %s\n' "$1" "$2"; }
step() { # NAME COMMAND…: runs it and says ok, or refused with what was said
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then say "$name" ok; else say "$name" refused; cat "$dir/out" >&2; exit 1; fi
}
until_true() { for _ in $(seq 60); do "$@" && return 0; sleep 1; done; return 1; }

# The measurement tool's side: a receiver.
"$bin" sink --listen 127.0.0.1:0 > "$dir/sink.out" & pids+=($!)
until_true test -s "$dir/sink.out"
sink=$(cat "$dir/sink.out")
SHUKUBA_FUNCTIONS_ENABLED=true "$bin" serve --listen 127.0.0.1:0 2> "$dir/serve.log" & pids+=($!)
until_true test -s "$dir/data/endpoint"
eval "$("$bin" env 2>/dev/null)"
aws() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # version 1 does not read the variable for every service

queue() { aws sqs create-queue --queue-name postbacks && aws sqs create-queue --queue-name postbacks-retry; }
bucket() {
    aws s3api create-bucket --bucket s2s --create-bucket-configuration "LocationConstraint=$AWS_DEFAULT_REGION"
    cat > "$dir/functions.toml" <<SETTINGS
[routes.s2s]
queue = "postbacks"
retry_queue = "postbacks-retry"
format = { kind = "ltsv" }

[scaler]
interval = "1m"
notifier_per_minute = 2

[notifier]
life = "5s"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
timeout_total = "1s"
SETTINGS
    aws s3 cp "$dir/functions.toml" s3://s2s/settings.toml
    # One file, `bootstrap`: what \`make lambda\` packs with more patience.
    strip -o "$dir/bootstrap" "$bin"
    "$python" - "$dir" <<'PYTHON'
import sys, zipfile
entry = zipfile.ZipInfo("bootstrap")
entry.external_attr = 0o100755 << 16
with zipfile.ZipFile(sys.argv[1] + "/package.zip", "w") as package, open(sys.argv[1] + "/bootstrap", "rb") as bootstrap:
    package.writestr(entry, bootstrap.read(), zipfile.ZIP_DEFLATED, 1)
PYTHON
    aws s3 cp "$dir/package.zip" s3://s2s/package.zip
}
role() { # NAME ACTIONS: a role for a function, and what it may do
    local trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    aws iam create-role --role-name "$1" --assume-role-policy-document "$trust" > /dev/null
    aws iam put-role-policy --role-name "$1" --policy-name own \
        --policy-document "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[$2],\"Resource\":\"*\"}]}"
    arn_of_role=$(aws iam get-role --role-name "$1" --query Role.Arn --output text)
}
function_of() { # NAME VARIABLES
    aws lambda create-function --function-name "$1" --runtime provided.al2023 --handler "$1" --role "$arn_of_role" --timeout 30 --memory-size 128 \
        --code S3Bucket=s2s,S3Key=package.zip --environment "Variables={SHUKUBA_CONFIG=s3://s2s/settings.toml,SHUKUBA_RESULTS=s3://s2s/results$2}"
    aws lambda wait function-active-v2 --function-name "$1"
}
objects='"s3:GetObject","s3:PutObject","s3:ListBucket"'
b() {
    role notifier "\"sqs:ReceiveMessage\",\"sqs:DeleteMessage\",\"sqs:ChangeMessageVisibility\",\"sqs:SendMessage\",\"sqs:GetQueueUrl\",\"sqs:GetQueueAttributes\",$objects"
    function_of notifier ''
}
a() {
    role scaler "\"cloudwatch:GetMetricStatistics\",\"sqs:GetQueueUrl\",\"sqs:GetQueueAttributes\",\"lambda:InvokeFunction\",$objects"
    function_of scaler ',SHUKUBA_NOTIFIER=notifier,SHUKUBA_MEMORY=s3://s2s/scaler'
}
schedule() {
    local rule
    rule=$(aws events put-rule --name each-minute --schedule-expression 'rate(1 minute)' --query RuleArn --output text)
    aws lambda add-permission --function-name scaler --statement-id schedule --action lambda:InvokeFunction --principal events.amazonaws.com \
        --source-arn "$rule"
    aws events put-targets --rule each-minute --targets "Id=1,Arn=$(aws lambda get-function --function-name scaler --query Configuration.FunctionArn --output text)"
}
url() { aws sqs get-queue-url --queue-name postbacks --query QueueUrl --output text; }
log() { # HOST LINES: sends a host's log, 50 lines a message
    for n in $(seq "$2"); do printf 'url:%s/ok?host=%s&n=%s\tid:h%s-%s\n' "$sink" "$1" "$n" "$1" "$n"; done > "$dir/host$1.ltsv"
    "$bin" ship --queue "$(url)" --once --pack=3KiB --state "$dir/ship$1" --manifests s3://s2s/shipped "$dir/host$1.ltsv"
}
# Lines of the functions, by the logs' API: there are none before the first run.
lines() { aws logs filter-log-events --log-group-name "/aws/lambda/$1" --filter-pattern "$2" --query 'events[].message' --output text 2> "$dir/err"; }
planned() { lines scaler '"planning" "Scheduled Event"' | grep -q . && lines scaler '"sent in" "started"' | grep -Eo '[0-9]+ sent in [^"]*'; }
delivered() { "$bin" ledger --results s3://s2s/results --manifests s3://s2s/shipped --queue "$(url)" | grep -Eq "^postbacks +$1 .* $1 "; }
stored() { aws s3 ls --recursive s3://s2s/results/ | grep '\.ndjson\.zst$'; }
reported() { lines notifier '"REPORT RequestId" "Billed Duration"' | grep -Eo 'Billed Duration: [0-9]+ ms|Max Memory Used: [0-9]+ MB'; }

step "a queue, and one for its retries" queue
step "a bucket with settings and the functions' package" bucket
step "(b) a function that notifies, and what it may do" b
step "(a) a function that scales, and what it may do" a
step "(a) runs on a schedule, each minute" schedule
step "1  a log with the destination's URL is sent to SQS" log 1 250
step "1  and that of another host, twice as long" log 2 500
step "2  (a) ran on its schedule, read how much was sent and kicked (b)" until_true planned
tail -1 "$dir/out"
step "3  (b) received, notified, and stored results in S3: all 750" until_true delivered 750
step "3  results lie as objects, by route, day and hour" stored
step "which function sent this one, in which invocation?" "$bin" why --results s3://s2s/results h2-250
grep -q 'by notifier-s2s-' "$dir/out" || { echo "why does not name the function" >&2; exit 1; }
step "its price is time times memory: each invocation's report" reported
