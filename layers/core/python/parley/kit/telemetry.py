"""Structured logs: one JSON line an event, with request and turn ids, never with headers, prompts or replies."""

import logging
from typing import Any

from aws_lambda_powertools import Logger


def open_logger(service: str, level: str = "INFO") -> Logger:
    """The service's logger; the libraries' own loggers keep to warnings, for some of them log what they send."""
    logger = Logger(service=service, level=level, log_uncaught_exceptions=False)
    for name in ("aiohttp", "asyncio", "psycopg", "redis", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return logger


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
