#!/usr/bin/env bash
# Installs the browser that the tests drive, Debian's Chromium, where it is missing and may be installed. Without it the tests
# that need one say so and are skipped. Prints nothing when there is nothing to do.
set -euo pipefail

command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no browser: the tests that need one are skipped; apt-get install -y chromium chromium-driver" >&2
    exit 0
fi
echo "installing Chromium for the tests of pages"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium chromium-driver >/dev/null
