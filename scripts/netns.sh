#!/usr/bin/env bash
# Installs what the private link's tests in network namespaces run, where it is missing and may be installed: nftables, iproute2, ping, curl, and
# other programs of WireGuard, with which the link is tried. Without the first four those tests say so and are skipped; NETNS_REQUIRED=1 makes
# whatever is skipped a failure. Prints nothing when there is nothing to do.
set -euo pipefail

"$(dirname "$0")/boringtun.sh" || echo "the private link is not tried with boringtun-cli" >&2

PATH=$PATH:/usr/sbin:/sbin
missing=()
for pair in nft:nftables ip:iproute2 ping:iputils-ping curl:curl wg:wireguard-tools wireguard-go:wireguard-go; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "the private link's tests lack: apt-get install -y ${missing[*]}" >&2
    exit 0
fi
echo "installing ${missing[*]} for the private link's tests"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
