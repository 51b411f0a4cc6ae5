"""The entrypoint of the image. It exits with 2 when it could not start vLLM."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from gpu_workers.vllm.adapters import fetch_adapters, parse_adapters
from gpu_workers.vllm.errors import StartError
from gpu_workers.vllm.replica import run_replica
from gpu_workers.vllm.settings import Settings, read_settings


def main() -> int:
    """Until vLLM ends or SIGTERM comes."""
    # As process 1 of a container we would not even see the signal otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = read_settings(os.environ)
        return asyncio.run(run_replica(settings, _fetch(settings), say))
    except StartError as error:
        say("not_started", error=str(error))
        return 2


def _fetch(settings: Settings) -> Mapping[str, Path]:
    adapters = parse_adapters(settings.adapters)
    if not adapters:
        return {}
    import boto3

    return fetch_adapters(adapters, boto3.client("s3"), settings.weights_dir)


def say(event: str, **fields: object) -> None:
    """A line of JSON among vLLM's own lines."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
