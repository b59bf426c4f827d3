#!/usr/bin/env bash
# Compares Shukuba's notifiers with a consumer of boto3 and urllib3 on the same queues and the same sink: rates, CPU, and what each
# knows after a kill -9. About 40 s; leaves nothing behind. SHUKUBA_BIN=path uses a binary that is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${SHUKUBA_BIN:-}" ]; then
    cargo build --release -p shukuba
    SHUKUBA_BIN="${CARGO_TARGET_DIR:-target}/release/shukuba"
fi
SHUKUBA_BIN=$(realpath "$SHUKUBA_BIN")
export SHUKUBA_BIN
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN SHUKUBA_DATA SHUKUBA_CONFIG SHUKUBA_ENDPOINT

bash scripts/venv.sh
echo "$(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $("$SHUKUBA_BIN" version | head -1), $(date -u +%F)"
.venv/bin/python bench/compare/measure.py
