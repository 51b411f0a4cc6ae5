"""vLLM's `/metrics`, as its 0.32.0 writes it (vllm/v1/metrics/loggers.py): the families that a registrar reads, and some more."""

from collections.abc import Sequence

# vLLM's own, for the time to the first token in seconds.
BOUNDS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0),
    *(2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0, float("inf")),
)


def metrics_text(
    *, running: int = 0, waiting: int = 0, kv_use: float = 0.0, ttft_s: Sequence[float] = (), engines: int = 1
) -> str:
    """The text of a worker whose engines, each for itself, say this; `ttft_s` are all the times they ever counted."""
    lines: list[str] = [
        "# HELP python_info Python platform information",
        "# TYPE python_info gauge",
        'python_info{implementation="CPython",major="3",minor="12"} 1.0',
    ]
    gauges = {
        "num_requests_running": float(running),
        "num_requests_waiting": float(waiting),
        "kv_cache_usage_perc": kv_use,
    }
    for name, value in gauges.items():
        lines += [f"# HELP vllm:{name} …", f"# TYPE vllm:{name} gauge"]
        lines += [f"vllm:{name}{{{_labels(engine)}}} {value}" for engine in range(engines)]
    lines.append("# TYPE vllm:num_requests_waiting_by_reason gauge")
    for engine in range(engines):
        lines.append(f'vllm:num_requests_waiting_by_reason{{{_labels(engine)},reason="capacity"}} {float(waiting)}')
        lines.append(f'vllm:num_requests_waiting_by_reason{{{_labels(engine)},reason="deferred"}} 0.0')
    lines.append("# TYPE vllm:time_to_first_token_seconds histogram")
    for engine in range(engines):
        lines += _histogram("vllm:time_to_first_token_seconds", engine, ttft_s)
    return "\n".join(lines) + "\n"


def _labels(engine: int) -> str:
    return f'engine="{engine}",model_name="qwen3-8b"'


def _histogram(name: str, engine: int, values: Sequence[float]) -> list[str]:
    lines: list[str] = []
    for bound in BOUNDS:
        count = float(sum(value <= bound for value in values))
        le = "+Inf" if bound == float("inf") else str(bound)
        lines.append(f'{name}_bucket{{engine="{engine}",le="{le}",model_name="qwen3-8b"}} {count}')
    lines.append(f"{name}_count{{{_labels(engine)}}} {float(len(values))}")
    lines.append(f"{name}_sum{{{_labels(engine)}}} {float(sum(values))}")
    return lines
