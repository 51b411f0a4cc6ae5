"""The optional step between download and upload."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gpu_workers.weights.errors import PushError

# Names of llm-compressor. FP8_DYNAMIC: a scale for each row of weights, activations scaled as they come. An A100 stores FP8 and
# multiplies in BF16 (half the memory); an H100, L4 or L40S multiplies in FP8 as well.
SCHEMES = {"fp8": "FP8_DYNAMIC"}
_SCRIPT = Path(__file__).with_name("fp8.py")


@dataclass(frozen=True, slots=True)
class Quantiser:
    """vLLM's llm-compressor, run by a Python that has it: it wants other versions of the libraries than the job."""

    python: Path
    scheme: str

    def run(self, source: Path, target: Path) -> None:
        """Writes what is in `source`, its weights quantised, to `target`. Raises: PushError."""
        config = source / "config.json"
        if not config.exists():
            raise PushError("quantised", "There is no config.json: an adapter is not quantised, its model is.")
        if "quantization_config" in json.loads(config.read_text()):
            raise PushError("quantised", "Its author has quantised it already: push it without --quantise.")
        command = [str(self.python), str(_SCRIPT), str(source), str(target), SCHEMES[self.scheme]]
        # What it prints is no event.
        done = subprocess.run(command, stdout=sys.stderr, check=False)  # noqa: S603 the operator's own Python
        if done.returncode != 0:
            raise PushError("quantiser", f"llm-compressor ended with {done.returncode}; why is in the lines before.")
