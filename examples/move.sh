#!/usr/bin/env bash
# A service moves into a private network while it is called: its host outside is linked, a twin starts inside, the callers switch, the host is
# detached. Counts the requests that fail. On loopback, without privileges, within half a minute. SHUKUBA_BIN names the binary.
#
# The callers are in the network and ask a name, here a file with the port behind it: what a name in DNS or a line in /etc/hosts is elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=examples/link-on-loopback.sh
source examples/link-on-loopback.sh

serve old "$outside"
agent "$("$bin" host token)"
step "the service runs on a host outside the network" until_true running
step "1  its host is linked" "$bin" link attach classic-1 --vpc tokyo --group from-outside
ec2 authorize-security-group-ingress --group-id "$web" --protocol tcp --port 9000 --cidr 172.31.0.0/24 > /dev/null
step "   hosts inside reach it by its private address" until_true says old "$back"

echo "$back" > "$dir/name"
call() { # asks one request after the other, until it is told to end
    while [ ! -e "$dir/over" ]; do
        printf '%s\n' "$(ask "$(cat "$dir/name")" || echo failed)" >> "$dir/answers.$1"
    done
}
callers=()
for caller in 1 2 3 4; do call "$caller" & callers+=($!); done
answered() { [ "$(cat "$dir"/answers.* 2>/dev/null | grep -c "^$1$")" -ge "$2" ]; }
step "   four callers inside ask it all the time" until_true answered old 100
serve new "$inside"
step "2  its twin starts inside" until_true says new "$inside"
echo "$inside" > "$dir/name.new"; mv "$dir/name.new" "$dir/name"
step "3  the callers switch" until_true answered new 100
step "4  the old host is detached" "$bin" link detach classic-1
step "   the callers go on" until_true answered new 300
touch "$dir/over"; wait "${callers[@]}"
count() { cat "$dir"/answers.* | grep -c "^$1$" || true; }
say "requests: $(count old) by the old one, $(count new) by the new one, $(count failed) failed" "$([ "$(count failed)" = 0 ] && echo ok || echo failed)"
[ "$(count failed)" = 0 ]
