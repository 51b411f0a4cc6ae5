#!/bin/sh
# The handler of the chat function: Lambda Web Adapter runs it and waits for /healthz on AWS_LWA_PORT.
# On Lambda the layers lie in /opt/python and the function in the working directory; elsewhere both are installed.
set -eu

PYTHONPATH="/opt/python:${LAMBDA_TASK_ROOT:-$PWD}${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH

# On shutdown, streams get a moment to end by themselves; then the turns behind them are settled.
exec "${PYTHON:-python3}" -m uvicorn --factory lambdas.chat.main:app \
    --host "${CHAT_HOST:-127.0.0.1}" --port "${AWS_LWA_PORT:-8000}" \
    --loop uvloop --http httptools --no-access-log --log-level warning \
    --timeout-graceful-shutdown 5
