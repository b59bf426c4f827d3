#!/usr/bin/env bash
# The third article, in its order: alarms on instances by their Name tag, with a wildcard; a dashboard copied, edited, applied. With
# aws-cli, with boto3 and with our commands, against agents that really run on this machine, in periods of 10 seconds.
# Prints each step with ok, or refused where a refusal is what is right; ends by itself within two minutes. SHUKUBA_BIN names the
# binary; scripts/venv.sh makes aws-cli.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${SHUKUBA_BIN:-target/debug/shukuba}")
python=${PYTHON_BIN:-.venv/bin/python}
[ -x "$bin" ] || { echo "no binary: cargo build -p shukuba" >&2; exit 1; }
[ -x "$python" ] || { echo "no aws-cli: scripts/venv.sh makes it with $python" >&2; exit 1; }
aws=$(realpath "$(dirname "$python")")/aws

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-cloudwatch.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT
unset AWS_ENDPOINT_URL AWS_PROFILE AWS_SESSION_TOKEN SHUKUBA_ENDPOINT SHUKUBA_TOKEN SHUKUBA_JOIN
export SHUKUBA_DATA="$dir/data" SHUKUBA_CONFIG="$dir/shukuba.toml" SHUKUBA_LOG=error AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE="$dir/aws" AWS_SHARED_CREDENTIALS_FILE="$dir/aws"

say() { printf '%-72s %s\n' "$1" "$2"; }
step() { # NAME COMMAND…: must go well
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then say "$name" ok; else say "$name" refused; cat "$dir/out" >&2; exit 1; fi
}
refuses() { # NAME WORDS COMMAND…: must be refused with these words
    local name=$1 words=$2; shift 2
    if "$@" > "$dir/out" 2>&1 || ! grep -q "$words" "$dir/out"; then say "$name" wrong; cat "$dir/out" >&2; exit 1; fi
    say "$name" "ok, refused"
}
until_true() { for _ in $(seq 400); do "$@" && return 0; sleep 0.1; done; return 1; }

# Who is told: a program that keeps what it gets.
cat > "$dir/tell" <<PROGRAM
#!/bin/sh
cat >> "$dir/told"
PROGRAM
chmod +x "$dir/tell"
cat > "$SHUKUBA_CONFIG" <<SETTINGS
[notices.receivers.ops]
command = "$dir/tell"
SETTINGS
"$bin" serve --listen 127.0.0.1:0 2> "$dir/serve.log" & pids+=($!)
until_true test -s "$SHUKUBA_DATA/endpoint"
eval "$("$bin" env 2>/dev/null)"
export AWS_CLI="$aws --endpoint-url $AWS_ENDPOINT_URL" # version 1 does not read the variable for every service
cloudwatch() { $AWS_CLI cloudwatch "$@"; }

# The instances: agents under names of their own, each with its own state.
agent() { # NAME
    local token; token=$("$bin" host token)
    "$bin" agent --join "$AWS_ENDPOINT_URL" --token "$token" --name "$1" --role web --state "$dir/$1" --every 10s --new 2> "$dir/$1.log" & pids+=($!)
}
running() { # COUNT
    local found; found=$($AWS_CLI ec2 describe-instances --filters 'Name=tag:Name,Values=web-*' Name=instance-state-name,Values=running \
        --query 'length(Reservations[].Instances[])' --output text)
    [ "$found" = "$1" ]
}
id_of() { $AWS_CLI ec2 describe-instances --filters "Name=tag:Name,Values=$1" --query 'Reservations[0].Instances[0].InstanceId' --output text; }
agent web-1
agent web-2
step "web-1 and web-2 are watched" until_true running 2

# Alarms: the Name tag is the argument, and may have a wildcard.
export PERIOD=10 EVALUATION_PERIODS=1 DATAPOINTS=1
topic="arn:aws:sns:$AWS_DEFAULT_REGION:123456789012:ops"
names() { [ "$(cloudwatch describe-alarms --alarm-name-prefix web- --query "length(MetricAlarms[?ends_with(AlarmName, '-$1')])")" = "$2" ]; }
step "aws-cli: an alarm on every instance that is called web-*" bash examples/set-alarm.sh 'web-*' CPUUtilization 100 "$topic"
step "  with the Name in its name" names CPUUtilization 2
step "  and again: nothing new" bash examples/set-alarm.sh 'web-*' CPUUtilization 100 "$topic"
step "  still two" names CPUUtilization 2
boto() { AWS_ENDPOINT_URL_EC2=$AWS_ENDPOINT_URL AWS_ENDPOINT_URL_CLOUDWATCH=$AWS_ENDPOINT_URL "$python" examples/set-alarm.py "$@"; }
step "boto3: the same" boto 'web-*' --metric NetworkIn --above 1e12 --for 1/1 --period 10
step "  with the Name in its name" names NetworkIn 2
ours() { "$bin" alarm set "$1" --metric mem_used_percent --namespace CWAgent --above 0 --for 1/1 --period 10s --notify ops "${@:2}"; }
step "ours: what would be done" ours 'web-*' --dry-run
step "  nothing was" names mem_used_percent 0
step "ours: the same" ours 'web-*'
step "  with the Name in its name" names mem_used_percent 2

# The Name must be unique.
step "two hosts are run with one Name" $AWS_CLI ec2 run-instances --image-id ami-1 --count 2 --tag-specifications \
    'ResourceType=instance,Tags=[{Key=Name,Value=twin}]'
refuses "aws-cli: their alarm is refused, with their ids" 'i-.*twin' bash examples/set-alarm.sh twin
refuses "ours: and here" 'i-[0-9a-f]*' ours twin

# They work: measured every 10 seconds, and memory is always above 0.
in_state() { [ "$(cloudwatch describe-alarms --alarm-names "$1" --query 'MetricAlarms[0].StateValue' --output text)" = "$2" ]; }
step "web-1's load is measured, and OK" until_true in_state web-1-CPUUtilization OK
step "web-2's memory is above 0: ALARM" until_true in_state web-2-mem_used_percent ALARM
told() { grep -q web-2-mem_used_percent "$dir/told" 2>/dev/null; }
step "  and somebody is told" until_true told

# A dashboard: the load and the incoming traffic of two instances.
first=$(id_of web-1) second=$(id_of web-2)
cat > "$dir/first.json" <<BODY
{"widgets":[
  {"type":"metric","x":0,"y":0,"width":6,"height":6,"properties":{"view":"timeSeries","region":"$AWS_DEFAULT_REGION","title":"CPUUtilization",
   "metrics":[["AWS/EC2","CPUUtilization","InstanceId","$first"],["...","$second"]],"period":10}},
  {"type":"metric","x":6,"y":0,"width":6,"height":6,"properties":{"view":"timeSeries","region":"$AWS_DEFAULT_REGION","title":"NetworkIn",
   "metrics":[["AWS/EC2","NetworkIn","InstanceId","$first"],["...","$second"]],"period":10}}]}
BODY
step "a dashboard of two instances" cloudwatch put-dashboard --dashboard-name web --dashboard-body "file://$dir/first.json"
copy() { cloudwatch get-dashboard --dashboard-name web --query DashboardBody --output text > "$dir/copy.json" && test -s "$dir/copy.json"; }
step "its definition is copied" copy
agent web-3
step "an instance more" until_true running 3
edit() {
    "$python" - "$dir/copy.json" "$(id_of web-3)" <<'PYTHON'
import json, sys
body = json.load(open(sys.argv[1]))
for widget in body["widgets"]:
    widget["properties"]["metrics"].append(["...", sys.argv[2]])
    widget["x"], widget["width"], widget["height"] = widget["x"] * 2, widget["width"] * 2, widget["height"] * 2
json.dump(body, open(sys.argv[1], "w"))
PYTHON
}
step "the definition is edited: one instance more, twice the size" edit
step "and applied" cloudwatch put-dashboard --dashboard-name web --dashboard-body "file://$dir/copy.json"
holds() { [ "$(cloudwatch get-dashboard --dashboard-name web --query "contains(DashboardBody, '$1')" --output text)" = True ]; }
step "it is there" holds '"width": 12'
is_picture() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]; }
picture() {
    cloudwatch get-metric-widget-image --metric-widget "{\"metrics\":[[\"AWS/EC2\",\"CPUUtilization\",\"InstanceId\",\"$first\"],[\"...\",\"$second\"]],\"start\":\"-PT5M\",\"period\":10}" \
        --query MetricWidgetImage --output text | base64 -d > "$dir/widget.png" && is_picture "$dir/widget.png"
}
step "it can be looked at" picture

# The same with our commands, and many instances at once.
get() { "$bin" dashboard get web > "$dir/ours.json" && test -s "$dir/ours.json"; }
step "ours: copied" get
rename() { sed -i 's/"title": *"NetworkIn"/"title": "Incoming traffic"/' "$dir/ours.json"; }
step "ours: edited" rename
step "ours: applied" "$bin" dashboard apply web "$dir/ours.json"
step "  it is there" holds 'Incoming traffic'
draw() { "$bin" dashboard render web -o "$dir/web.png" && is_picture "$dir/web.png"; }
step "ours: drawn" draw
generate() { "$bin" dashboard generate 'web-*' --metric CPUUtilization,NetworkIn > "$dir/many.json" && grep -q "$(id_of web-3)" "$dir/many.json"; }
step "ours: a dashboard of every instance that is called web-*" generate
