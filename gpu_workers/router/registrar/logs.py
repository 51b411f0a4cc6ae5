"""Logs and metrics on stdout: one JSON document a line, as CloudWatch wants it. No request passes through here, nor its text."""

import json
import logging
import sys
from typing import Any

from gpu_workers.router.registrar.model import Scrape

NAMESPACE = "Parley/Pools"
_UNITS = {"Waiting": "Count", "Running": "Count", "KvUse": "None", "TtftP95Ms": "Milliseconds", "ReadyWorkers": "Count"}
# What every record has; the rest came by `extra` and is printed.
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as JSON: its message is the event's name, what came by `extra` its fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "event": record.getMessage(),
            "time_ms": int(record.created * 1000),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def open_log(level: int = logging.INFO) -> None:
    """Send all logs to stdout; the libraries keep to warnings."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("gpu_workers").setLevel(level)


def metrics_line(stage: str, pool: str, scrape: Scrape, now_ms: int) -> str:
    """The round in CloudWatch's embedded metric format, which the log group turns into metrics of `Parley/Pools`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    values: dict[str, float] = {
        "Waiting": scrape.waiting,
        "Running": scrape.running,
        "KvUse": round(scrape.kv_use, 4),
        "ReadyWorkers": scrape.ready,
    }
    if scrape.ttft_p95_ms is not None:
        values["TtftP95Ms"] = scrape.ttft_p95_ms
    metrics = [{"Name": name, "Unit": _UNITS[name]} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["stage", "pool"]], "Metrics": metrics}
    aws = {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, "stage": stage, "pool": pool, **values})
