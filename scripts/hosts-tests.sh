#!/usr/bin/env bash
# The tests of the private link in hosts of their own: network namespaces within one of users, mounts and networks, so that no privilege is
# needed and nothing of the machine is touched. Arguments go to pytest.
#
# Where the machine cannot do this it says what is missing and skips; NETNS_REQUIRED=1 makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
unshare -Urnm true 2>/dev/null || missing+=("user namespaces (or CAP_SYS_ADMIN)")
[ -e /dev/net/tun ] || missing+=("/dev/net/tun")
for name in ip nft curl nsenter ping; do
    command -v "$name" >/dev/null || [ -x "/usr/sbin/$name" ] || missing+=("the program $name")
done
if [ "${#missing[@]}" -gt 0 ]; then
    printf 'skipped: the tests in network namespaces need %s\n' "$(IFS=,; echo "${missing[*]}" | sed 's/,/, /g')" >&2
    [ -z "${NETNS_REQUIRED:-}" ] || exit 1
    exit 0
fi
export PATH="$PATH:/usr/sbin:/sbin"
# shellcheck disable=SC2016
exec unshare -Urnm --propagation private bash -ec '
    mount -t tmpfs none /run
    mkdir /run/netns
    ip link set lo up
    exec .venv/bin/python -m pytest -q -p no:cacheprovider "$@"
' netns "${@:-tests/netns}"
