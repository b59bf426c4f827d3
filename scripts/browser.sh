#!/usr/bin/env bash
# Installs the browser that the tests drive, Debian's Chromium, where it is missing and may be installed; and the rules of
# accessibility that it checks pages by, axe-core, in .cache/axe. Without them the tests that need one say so and are skipped.
# Prints nothing when there is nothing to do.
set -euo pipefail

AXE=4.10.3
if [ ! -f ".cache/axe/$AXE/axe.min.js" ] && command -v npm >/dev/null; then
    made=$(mktemp -d)
    if npm pack --silent "axe-core@$AXE" --pack-destination "$made" >/dev/null 2>&1; then
        mkdir -p ".cache/axe/$AXE"
        tar -xzf "$made/axe-core-$AXE.tgz" -C ".cache/axe/$AXE" --strip-components=1 package/axe.min.js package/LICENSE
    else
        echo "no axe-core: pages are not checked by its rules; npm pack axe-core@$AXE failed" >&2
    fi
    rm -rf "$made"
fi
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no browser: the tests that need one are skipped; apt-get install -y chromium chromium-driver" >&2
    exit 0
fi
echo "installing Chromium for the tests of pages"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium chromium-driver >/dev/null
