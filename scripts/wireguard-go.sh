#!/usr/bin/env bash
# Gets a wireguard-go that joins packets to and from its device, as it does since 2023, into .cache where it is missing: the private link is measured
# against it. Debian 12 has one of 2022; this is the one of Debian 13, from the mirror that this machine's apt uses. Nothing is installed.
# Prints nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

SUITE=trixie
[ -x .cache/wireguard-go/usr/bin/wireguard-go ] && exit 0
command -v apt-get >/dev/null || { echo "a newer wireguard-go needs apt-get" >&2; exit 1; }
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
echo "getting wireguard-go of $SUITE for the private link"
mkdir -p .cache
# A place of apt's own, so that the machine's packages and their sources stay as they are.
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt"/{state,cache}
echo "deb $mirror $SUITE main" >"$apt/sources.list"
options=(-qq -o "Dir::State=$apt/state" -o "Dir::Cache=$apt/cache" -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
(cd "$apt" && apt-get "${options[@]}" download wireguard-go)
dpkg-deb -x "$apt"/wireguard-go_*.deb .cache/wireguard-go
