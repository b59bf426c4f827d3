#!/usr/bin/env bash
# Fetches Debian's monitoring-plugins for the tests that run them as checks, and unpacks them into .cache without installing them. Without
# them those tests say so and are skipped. Prints nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=.cache/plugins
[ -x "$dir/usr/lib/nagios/plugins/check_load" ] && exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "no Debian: the tests that run its monitoring-plugins are skipped" >&2
    exit 0
fi
echo "fetching Debian's monitoring-plugins for the tests of checks"
mkdir -p "$dir"
# Lists may be old, or none, on a new machine; only root may bring them up to date.
(cd "$dir" && apt-get -qq download monitoring-plugins-basic 2>/dev/null) || {
    [ "$(id -u)" = 0 ] && apt-get -qq update
    (cd "$dir" && apt-get -qq download monitoring-plugins-basic)
} || { echo "not fetched: the tests that run monitoring-plugins are skipped" >&2; exit 0; }
dpkg-deb -x "$dir"/monitoring-plugins-basic_*.deb "$dir"
