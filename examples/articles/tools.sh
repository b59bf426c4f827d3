#!/usr/bin/env bash
# The fourth article: for each of the eight tools that it compares, the job for which it is picked, shown here in one line.
# Prints each with ok or refused; ends by itself within two minutes. SHUKUBA_BIN names the binary; scripts/venv.sh makes aws-cli,
# scripts/plugins.sh fetches Debian's monitoring-plugins.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${SHUKUBA_BIN:-target/debug/shukuba}")
python=${PYTHON_BIN:-.venv/bin/python}
[ -x "$bin" ] || { echo "no binary: cargo build -p shukuba" >&2; exit 1; }
[ -x "$python" ] || { echo "no aws-cli: scripts/venv.sh makes it with $python" >&2; exit 1; }
aws=$(realpath "$(dirname "$python")")/aws
plugins=$(realpath .cache/plugins/usr/lib/nagios/plugins 2>/dev/null || true)

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-tools.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ -s "$dir/kept.pid" ]; then kill "$(cat "$dir/kept.pid")" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap cleanup EXIT
unset AWS_ENDPOINT_URL AWS_PROFILE AWS_SESSION_TOKEN SHUKUBA_ENDPOINT SHUKUBA_TOKEN SHUKUBA_JOIN
export SHUKUBA_DATA="$dir/data" SHUKUBA_CONFIG="$dir/shukuba.toml" SHUKUBA_LOG=error AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE="$dir/aws" AWS_SHARED_CREDENTIALS_FILE="$dir/aws"

say() { printf '%-76s %s\n' "$1" "$2"; }
step() { # NAME COMMAND…
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then say "$name" ok; else say "$name" refused; cat "$dir/out" >&2; exit 1; fi
}
until_true() { for _ in $(seq 450); do "$@" && return 0; sleep 0.1; done; return 1; }

# A plugin as Nagios has them, one as Mackerel has them, one as Munin has them, and a process that is to be kept alive.
cat > "$dir/check_room" <<'PLUGIN'
#!/bin/sh
[ -e "$1" ] && { echo "ROOM CRITICAL - none left | free=0%;20;10"; exit 2; }
echo "ROOM OK - half | free=50%;20;10"
PLUGIN
cat > "$dir/mackerel-plugin-shop" <<'PLUGIN'
#!/bin/sh
[ -n "$MACKEREL_AGENT_PLUGIN_META" ] && { echo '# mackerel-agent-plugin'; echo '{"graphs":{"shop.orders":{"label":"Orders","unit":"integer","metrics":[{"name":"taken","label":"Taken"}]}}}'; exit 0; }
printf 'shop.orders.taken\t7\t%s\n' "$(date +%s)"
PLUGIN
cat > "$dir/munin_users" <<'PLUGIN'
#!/bin/sh
[ "$1" = config ] && { echo 'graph_title Users'; echo 'users.label users'; echo 'users.warning 100'; exit 0; }
echo 'users.value 5'
PLUGIN
cat > "$dir/kept" <<PLUGIN
#!/bin/sh
echo \$\$ > "$dir/kept.pid"
exec sleep 600
PLUGIN
cat > "$dir/tell" <<PROGRAM
#!/bin/sh
cat >> "$dir/told"
echo >> "$dir/told"
PROGRAM
chmod +x "$dir"/check_room "$dir"/mackerel-plugin-shop "$dir"/munin_users "$dir"/kept "$dir"/tell

# All of it is one text file, by role; whoever has the role has it at once.
cat > "$dir/checks.toml" <<CHECKS
[checks.room]
plugin = "$dir/check_room $dir/full"
every = "2s"
retry_every = "1s"
attempts = 2
roles = ["web"]
notify = "ops"

[checks.shop]
mackerel = "$dir/mackerel-plugin-shop"
every = "5s"
roles = ["web"]

[checks.users]
munin = "$dir/munin_users"
every = "5s"
roles = ["web"]

[keep.kept]
process = { pidfile = "$dir/kept.pid" }
start = "$dir/kept"
every = "2s"
roles = ["web"]
CHECKS
if [ -x "$plugins/check_load" ]; then
    printf '\n[checks.load]\nplugin = "%s/check_load -w 1000 -c 2000"\nevery = "5s"\nroles = ["web"]\n' "$plugins" >> "$dir/checks.toml"
fi
cat > "$SHUKUBA_CONFIG" <<SETTINGS
[watch]
checks = "$dir/checks.toml"

[notices.receivers.ops]
command = "$dir/tell"
SETTINGS
"$bin" serve --listen 127.0.0.1:0 2> "$dir/serve.log" & pids+=($!)
until_true test -s "$SHUKUBA_DATA/endpoint"
eval "$("$bin" env 2>/dev/null)"
cloudwatch() { "$aws" --endpoint-url "$AWS_ENDPOINT_URL" cloudwatch "$@"; }

agent() { # NAME ROLE
    local token; token=$("$bin" host token)
    "$bin" agent --join "$AWS_ENDPOINT_URL" --token "$token" --name "$1" --role "$2" --state "$dir/$1" --every 10s --new 2> "$dir/$1.log" & pids+=($!)
}
has_state() { grep -Eq "$1 +$2 +$3 " <<< "$("$bin" check list "$1")"; } # HOST CHECK STATE
has_metric() { # NAMESPACE METRIC
    [ "$(cloudwatch list-metrics --namespace "$1" --metric-name "$2" --query 'length(Metrics)')" -ge 1 ]
}
tells_once() { [ "$(grep -c "$1" "$dir/told" 2>/dev/null)" = 1 ]; }
tells() { grep -q "$1" "$dir/told" 2>/dev/null; }

agent web-1 web
agent db-1 db
step "Sensu: a machine comes, and is watched by its role without an edit" until_true has_state web-1 room OK
others_have_none() { ! grep -q room <<< "$("$bin" check list db-1)"; }
step "  and another role has nothing of it" others_have_none

step "Zabbix: measurements, checks and own values of all hosts are in one place" until_true has_metric CWAgent mem_used_percent
step "  own values too" cloudwatch put-metric-data --namespace Shop --metric-name Orders --value 42
step "  with all that agents see" until_true has_metric AWS/EC2 CPUUtilization

if [ -x "$plugins/check_load" ]; then
    step "Nagios: its plugins run as they are: Debian's check_load" until_true has_state web-1 load OK
    step "  and what they measure is kept" until_true has_metric Shukuba/Plugins load1
else
    say "Nagios: its plugins run as they are" "skipped: scripts/plugins.sh fetches them"
fi
touch "$dir/full"
step "Nagios: is it well? no, after two looks" until_true has_state web-1 room CRITICAL
step "  and a person is told, once" until_true tells_once '"kind":"problem"'
rm "$dir/full"
step "  and of its end" until_true tells_once '"kind":"recovery"'

step "Munin: plug in, and there is a graph" until_true has_metric Shukuba/Munin users
graph() {
    local query='Metrics[0].Dimensions[*].[Name,Value]' row
    row=$(cloudwatch list-metrics --namespace Shukuba/Munin --metric-name users --query "$query" --output text | awk -F'\t' '{ printf ",\"%s\",\"%s\"", $1, $2 }')
    cloudwatch get-metric-widget-image --metric-widget "{\"metrics\":[[\"Shukuba/Munin\",\"users\"$row]],\"start\":\"-PT5M\",\"period\":60}" \
        --query MetricWidgetImage --output text | base64 -d > "$dir/users.png" && grep -qa PNG "$dir/users.png"
}
step "  a picture of it" graph

is_kept() { [ -s "$dir/kept.pid" ] && kill -0 "$(cat "$dir/kept.pid")" 2>/dev/null; }
step "Monit: a process is started" until_true is_kept
first=$(cat "$dir/kept.pid")
kill -9 "$first"
is_back() { is_kept && [ "$(cat "$dir/kept.pid")" != "$first" ]; }
step "  and back when it was killed" until_true is_back

estate() { grep -Eq 'web-1 .* running' <<< "$("$bin" host list)"; }
step "Pandora FMS: the estate at a look, hosts and states" estate

own() { cloudwatch put-metric-alarm --alarm-name orders --namespace Shop --metric-name Orders --statistic Sum --period 10 --evaluation-periods 1 \
    --threshold 10 --comparison-operator GreaterThanThreshold --alarm-actions "arn:aws:sns:$AWS_DEFAULT_REGION:123456789012:ops"; }
step "CloudWatch: an alarm on an own value, by its API" own
order() { cloudwatch put-metric-data --namespace Shop --metric-data MetricName=Orders,Value=42,StorageResolution=1; tells orders; }
step "  and somebody is told" until_true order

step "Mackerel: its plugins' graphs are read" until_true has_metric Shukuba/Mackerel shop.orders.taken
