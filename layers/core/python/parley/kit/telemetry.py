"""Structured logs: one JSON line an event, with request and turn ids, never with headers, prompts or replies."""

import logging
import sys
from collections.abc import Mapping
from time import time
from types import MappingProxyType
from typing import Any

import orjson
from aws_lambda_powertools import Logger


def open_logger(service: str, level: str = "INFO") -> Logger:
    """The service's logger; the libraries' own loggers keep to warnings, for some of them log what they send."""
    logger = Logger(service=service, level=level, log_uncaught_exceptions=False)
    for name in ("aiohttp", "asyncio", "psycopg", "redis", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return logger


def count_metric(logger: Logger, name: str, count: int = 1) -> None:
    """Count something in CloudWatch."""
    record_metrics(logger, counts={name: count})


def record_metrics(
    logger: Logger,
    *,
    counts: Mapping[str, int] = MappingProxyType({}),
    ms: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Counts and times for CloudWatch: one line in the embedded metric format, which Lambda's log turns into metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    A record of its own, for Powertools' Metrics is one shared object, whose dimensions concurrent turns would mix.
    """
    metrics = [
        *({"Name": name, "Unit": "Count"} for name in counts),
        *({"Name": name, "Unit": "Milliseconds"} for name in ms),
    ]
    directive = {"Namespace": "Parley", "Dimensions": [["service"]], "Metrics": metrics}
    document = {"Timestamp": int(time() * 1000), "CloudWatchMetrics": [directive]}
    sys.stdout.buffer.write(orjson.dumps({"_aws": document, "service": logger.service, **counts, **ms}) + b"\n")
    sys.stdout.buffer.flush()


def describe_error(error: BaseException) -> dict[str, Any]:
    """What of an error may be logged: its type and where it was raised. Its text may quote what a user wrote."""
    frames: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    cause = error.__cause__
    return {"error": type(error).__name__, "cause": type(cause).__name__ if cause else None, "trace": frames[-8:]}
