#!/usr/bin/env bash
# Makes the tests' own Python environment in .venv from tests/compat/requirements.txt, once for each version of it.
# Prints nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v python3 >/dev/null || { echo "python3 is missing: apt-get update && apt-get install -y python3 python3-venv" >&2; exit 1; }
wanted=$(sha256sum tests/compat/requirements.txt | cut -d' ' -f1)
[ "$(cat .venv/made-from 2>/dev/null || true)" = "$wanted" ] && exit 0

echo "making .venv for the compatibility tests"
rm -rf .venv
python3 -m venv .venv || { echo "python3 has no venv: apt-get update && apt-get install -y python3-venv" >&2; exit 1; }
# pycurl (Celery's SQS transport) comes as a wheel; where none fits, it is built and needs libcurl's headers.
.venv/bin/pip install --quiet --disable-pip-version-check -r tests/compat/requirements.txt ||
    { echo "if pycurl failed to build: apt-get update && apt-get install -y libcurl4-openssl-dev libssl-dev gcc python3-dev" >&2; exit 1; }
echo "$wanted" > .venv/made-from
