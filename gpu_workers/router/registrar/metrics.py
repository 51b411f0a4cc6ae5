"""vLLM's metrics text (read at vllm/v1/metrics/loggers.py of 0.32.0), and the four families that matter of its sixty."""

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from gpu_workers.router.registrar.histogram import Histogram
from gpu_workers.router.registrar.model import Load

RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
KV_USE = "vllm:kv_cache_usage_perc"
TTFT = "vllm:time_to_first_token_seconds"
# Each with the brace that follows: `num_requests_waiting_by_reason` splits up what `num_requests_waiting` has counted.
_WANTED = tuple(f"{name}{{" for name in (RUNNING, WAITING, KV_USE, f"{TTFT}_bucket"))


def read_metrics(text: str) -> tuple[Load, Histogram]:
    """A worker's load, and its times to the first token in seconds, over all its engines (data-parallel ranks).

    Raises: ValueError for a text without vLLM's gauges.
    """
    samples = _samples(text)
    if not all(samples[name] for name in (RUNNING, WAITING, KV_USE)):
        raise ValueError("these are no metrics of vLLM")
    kv_use = [sample.value for sample in samples[KV_USE]]
    running, waiting = (int(sum(sample.value for sample in samples[name])) for name in (RUNNING, WAITING))
    return Load(running, waiting, sum(kv_use) / len(kv_use)), _histogram(samples[f"{TTFT}_bucket"])


def _samples(text: str) -> dict[str, list[Sample]]:
    # Parsing a line takes 10 us: of a thousand lines of eight workers every second, only those that count.
    wanted = "\n".join(line for line in text.splitlines() if line.startswith(_WANTED))
    samples: dict[str, list[Sample]] = defaultdict(list)
    for family in text_string_to_metric_families(wanted + "\n"):
        for sample in family.samples:
            samples[sample.name].append(sample)
    return samples


def _histogram(buckets: Iterable[Sample]) -> Histogram:
    counts: dict[float, float] = defaultdict(float)
    for bucket in buckets:
        counts[float(bucket.labels["le"])] += bucket.value
    bounds = tuple(sorted(counts))
    return Histogram(bounds, tuple(counts[bound] for bound in bounds))
