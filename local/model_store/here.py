"""The same job on the operator's own machine."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from local.model_store.errors import StoreError

_CHECKOUT = Path(__file__).resolve().parents[2]


def run_here(arguments: Sequence[str], environ: Mapping[str, str], show_line: Callable[[str], None]) -> int:
    """Runs the job to its end and gives its exit code. Raises: StoreError when the job's libraries are missing."""
    if find_spec("huggingface_hub") is None:
        advice = ".venv/bin/pip install --require-hashes -r gpu_workers/weights/requirements.txt"
        raise StoreError(f"The job's libraries are not installed here. Type: {advice}")
    job = subprocess.Popen(
        [sys.executable, "-m", "gpu_workers.weights", *arguments],
        cwd=_CHECKOUT,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert job.stdout is not None
    try:
        with job.stdout as lines:
            for line in lines:
                show_line(line.rstrip("\n"))
        return job.wait()
    finally:
        # Of who leaves with Ctrl-C. It may be killed at any moment, and would not see a signal while a shard goes up.
        job.kill()
        job.wait()
