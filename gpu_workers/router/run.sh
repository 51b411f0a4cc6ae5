#!/bin/sh
# The router task's containers, both from one image: `run.sh router` and `run.sh registrar`; and `run.sh router-health` and
# `run.sh registrar-health`, which their container health checks call. What each flag answers: docs/decisions/router-and-registrar.md.
set -eu

port=${ROUTER_PORT:-8080}

answers() {
    exec python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$1"
}

case ${1:-} in
router)
    # `error`, for at `info` the router logs session ids and short requests whole, and takes `warning` for `info`.
    exec vllm-router --host "${ROUTER_HOST:-0.0.0.0}" --port "$port" --log-level error \
        --prometheus-host 127.0.0.1 --prometheus-port "${ROUTER_METRICS_PORT:-29000}" \
        --policy consistent_hash \
        --request-timeout-secs 900 --max-payload-size 16777216 \
        --max-concurrent-requests 32768 --queue-size 0 \
        --retry-max-retries 4 --retry-initial-backoff-ms 50 --retry-max-backoff-ms 500 \
        --retry-backoff-multiplier 2 --retry-jitter-factor 0.5 \
        --cb-failure-threshold 3 --cb-success-threshold 1 --cb-timeout-duration-secs 1 --cb-window-duration-secs 10 \
        --health-check-interval-secs 5 --health-check-timeout-secs 2 \
        --health-failure-threshold 2 --health-success-threshold 1 \
        --worker-startup-timeout-secs 2 --worker-startup-check-interval 1
    ;;
registrar) exec python3 -m gpu_workers.router.registrar ;;
router-health) answers "http://127.0.0.1:$port/liveness" ;;
registrar-health) answers "http://127.0.0.1:${HEALTH_PORT:-8082}/health" ;;
*)
    echo "usage: run.sh router|registrar|router-health|registrar-health" >&2
    exit 2
    ;;
esac
