# Sourced by examples/move.sh and examples/articles/classiclink.sh: a server, a private network `tokyo` with one service in it behind a gateway, and the host
# `classic-1` outside with another one, all on loopback and without privileges. Sets up and names:
#   $bin $dir $vpc $web (a group for hosts outside) $default (the group of what is inside)
#   $front, $closed: ports here that lead to ports 80 and 81 inside; $back: one that leads to port 9000 of classic-1
#   agent [TOKEN]: starts the host's agent, $agent its process; step, refused, until_true, ec2, says, says_nothing
# shellcheck shell=bash
bin=$(realpath "${SHUKUBA_BIN:-target/debug/shukuba}")
[ -x "$bin" ] || { echo "no binary: cargo build -p shukuba" >&2; exit 1; }
python=${PYTHON_BIN:-.venv/bin/python}
[ -x "$python" ] || { echo "no aws-cli: scripts/venv.sh makes it with $python" >&2; exit 1; }
aws=$(realpath "$(dirname "$python")")/aws

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-link.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_EC2 AWS_PROFILE AWS_SESSION_TOKEN SHUKUBA_ENDPOINT SHUKUBA_CONFIG
export SHUKUBA_DATA="$dir/data" SHUKUBA_LOG=warn AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE="$dir/aws" AWS_SHARED_CREDENTIALS_FILE="$dir/aws"

say() { printf '%-82s %s\n' "$1" "$2"; }
step() { # NAME COMMAND…: runs it and says ok, or ends with what was said
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then say "$name" ok; else say "$name" failed; cat "$dir/out" "$dir"/*.log >&2; exit 1; fi
}
refused() { # NAME TEXT COMMAND…: it must be refused, with that in what is said
    local name=$1 text=$2; shift 2
    if "$@" > "$dir/out" 2>&1 || ! grep -q -- "$text" "$dir/out"; then say "$name" "not refused so"; cat "$dir/out" >&2; exit 1; fi
    say "$name" "ok, refused"
}
until_true() { for _ in $(seq 300); do "$@" && return 0; sleep 0.1; done; return 1; }
ec2() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" ec2 "$@" --output text; } # version 1 does not read the variable for every service
free() { "$python" -c "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_$1); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"; }
serve() { # NAME PORT: a web server that answers with its name
    mkdir -p "$dir/$1"; echo "$1" > "$dir/$1/index.html"
    "$python" -m http.server "$2" --bind 127.0.0.1 --directory "$dir/$1" > /dev/null 2>&1 & pids+=($!)
}
ask() { curl -s --noproxy '*' --max-time 2 "http://127.0.0.1:$1/"; }
says() { [ "$(ask "$2")" = "$1" ]; }
says_nothing() { ! ask "$1"; }

"$bin" serve --listen 127.0.0.1:0 2> "$dir/serve.log" & pids+=($!)
until_true test -s "$dir/data/endpoint"
eval "$("$bin" env 2>/dev/null)"

vpc=$(ec2 create-vpc --cidr-block 172.31.0.0/24 --query Vpc.VpcId)
ec2 create-tags --resources "$vpc" --tags Key=Name,Value=tokyo
web=$(ec2 create-security-group --vpc-id "$vpc" --group-name from-outside --description "hosts outside" --query GroupId)
default=$(ec2 describe-security-groups --filters "Name=vpc-id,Values=$vpc" Name=group-name,Values=default --query 'SecurityGroups[].GroupId')

# The network is one address here, 172.31.0.10, with two ports of one service; the first host outside becomes 10.2.0.4.
inside=$(free STREAM) outside=$(free STREAM) back=$(free STREAM) front=$(free STREAM) closed=$(free STREAM) udp=$(free DGRAM)
"$bin" link gateway --vpc "$vpc" --reached-at "127.0.0.1:$udp" --listen "127.0.0.1:$udp" --state "$dir/gateway" --rootless --inside 172.31.0.10 \
    --publish "80=127.0.0.1:$inside" --publish "81=127.0.0.1:$inside" --forward "127.0.0.1:$back=10.2.0.4:9000" 2> "$dir/gateway.log" & pids+=($!)
agent() {
    "$bin" agent --join "$AWS_ENDPOINT_URL" ${1:+--token "$1"} --name classic-1 --state "$dir/agent" --link-forward "127.0.0.1:$front=172.31.0.10:80" \
        --link-forward "127.0.0.1:$closed=172.31.0.10:81" --link-publish "9000=127.0.0.1:$outside" 2>> "$dir/agent.log" & agent=$!; pids+=("$agent")
}
running() { ec2 describe-instances --filters Name=tag:Name,Values=classic-1 Name=instance-state-name,Values=running --query 'Reservations[].Instances[].InstanceId' | grep i-; }
