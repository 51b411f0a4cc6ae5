"""How long a text takes, and what a process that only classifies holds: `python -m training.moderation.speed` prints one line."""

import time
from pathlib import Path

from layers.ml.encoder import FOLDER
from parley.moderation.gate import load_gate
from parley.moderation.onnx.classifier import OnnxClassifier, open_classifier

_SENTENCE = (
    "could you please tell me how the weather will be in the north of spain next week because we want to walk there "
)


def main() -> None:
    """Medians and 95th percentiles in ms of wall clock, and of CPU, which does not count what else the machine does."""
    with open_classifier(FOLDER) as classifier:
        for tokens in (16, 64, 126):
            print(f"  input of {tokens:>5} tokens: {_time(classifier, _text(tokens))}")
        started_at = time.perf_counter()
        classifier.score([_text(6000)])
        print(
            f"  input of  6000 tokens: {(time.perf_counter() - started_at) * 1000:.0f} ms, in 64 windows side by side"
        )
        started_at = time.perf_counter()
        classifier.score([_text(190_000)])
        print(f"  input of 1 MB: {(time.perf_counter() - started_at) * 1000:.0f} ms, the 64 worst-looking windows")
    window = (_SENTENCE * 5)[:500]
    gate = load_gate()
    started_at = time.process_time()
    for _ in range(2000):
        gate.score(window)
    print(f"  gate, 500 characters: {(time.process_time() - started_at) / 2000 * 1e6:.0f} µs")
    print(f"  memory of this process: {_peak_mb()} MB at most")


def _peak_mb() -> int:
    """From /proc: `ru_maxrss` would count what the parent held when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def _text(tokens: int) -> str:
    words = (_SENTENCE * (tokens // 20 + 1)).split()
    return " ".join(words[:tokens])


def _time(classifier: OnnxClassifier, text: str) -> str:
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(200):
        wall, cpu = time.perf_counter(), time.thread_time()
        classifier.score([text])
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.thread_time() - cpu) * 1000)
    walls.sort()
    cpus.sort()
    return f"p50 {walls[100]:.1f} ms, p95 {walls[190]:.1f} ms; CPU p50 {cpus[100]:.1f} ms, p95 {cpus[190]:.1f} ms"


if __name__ == "__main__":
    main()
