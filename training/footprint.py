"""What the moderation function's own process holds in memory: `python -m training.footprint`.

The handler is the one that Lambda runs, with the classifier and without a database; each event is one that Lambda gives it. Linux
only: it reads the kernel's high-water mark.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from layers.ml.encoder import make_classifier

LIMIT_MB = 300
# Nobody answers there, and no event here asks.
_DATABASE = "postgresql://parley_review@127.0.0.1:9/parley"
_WORDS = "the quick brown fox jumps over the lazy dog and 12 others, don't you think? "
_MEGABYTE = 1_000_000
_TEXTS = {
    "64 tokens, 200 times": [(_WORDS * 3)[:230]] * 200,
    "1 MB of words": [(_WORDS * (_MEGABYTE // len(_WORDS) + 1))[:_MEGABYTE]],
    "1 MB of one letter": ["a" * _MEGABYTE],
    "1 MB of emoji": ["👩‍👩‍👧‍👦🏳️‍🌈" * (_MEGABYTE // 41)],
    "1 MB of Chinese": ["你好世界" * (_MEGABYTE // 12)],
}

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def main() -> int:
    """1 where the process held more than LIMIT_MB."""
    folder = make_classifier(say=lambda _: None)
    # The last one as cdk/stacks/api.py sets it.
    environment = {"DATABASE_URL": _DATABASE, "CLASSIFIER_FOLDER": str(folder), "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-m", __spec__.name, "--measure"]
    print("\nThe moderation function's own process", flush=True)
    return subprocess.run(command, env=environment, cwd=Path(__file__).parents[1], check=False).returncode  # noqa: S603 - ours


def measure() -> int:
    """In the function's own process, which no parent's memory counts into."""
    began_s = perf_counter()
    from lambdas.moderation.main import handler

    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # that nobody answers is wanted here
    print(f"  ready in {perf_counter() - began_s:.1f} s: {high_mb():.0f} MB", flush=True)
    for name, texts in _TEXTS.items():
        cpu_s = process_time()
        for text in texts:
            handler({"texts": [text]}, None)
        cpu_ms = (process_time() - cpu_s) * 1000 / len(texts)
        print(f"  {name}: {cpu_ms:.1f} ms of CPU each; {high_mb():.0f} MB", flush=True)
    for name, (text, *_) in _TEXTS.items():
        assert handler(_event(text), None)["statusCode"] == 200
        print(f"  {name.partition(',')[0]} over HTTP: {high_mb():.0f} MB", flush=True)
    holds = high_mb() <= LIMIT_MB
    print(f"  {'ok' if holds else 'MISSED'}: {high_mb():.0f} MB at most, {LIMIT_MB} allowed")
    return 0 if holds else 1


def high_mb() -> float:
    """The most that this process has ever held, in 10⁶ bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _event(text: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (REST, input format)"""
    verdict = {"user_id": "01a20ba5-30b0-739b-99af-eda447cb4c01", "tier": "free", "roles": ""}
    return {
        "resource": "/v1/moderations",
        "path": "/v1/moderations",
        "httpMethod": "POST",
        "headers": {"Host": "api.example.com", "Content-Type": "application/json"},
        "multiValueHeaders": {"Host": ["api.example.com"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"requestId": "r", "stage": "v1", "authorizer": {"principalId": "x", **verdict}},
        "body": json.dumps({"input": text}),
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    if "--measure" not in sys.argv:
        sys.exit(main())
    missed = measure()
    sys.stdout.flush()
    os._exit(missed)  # as Lambda ends one: what is open stays open
