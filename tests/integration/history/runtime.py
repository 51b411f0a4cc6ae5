"""Lambda's part: import the handler once, then call it with one event after the other.

Run as a program it reads one JSON document a line, `{"module", "event"}`, and writes what the handler returns.
"""

import gc
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Function:
    """A function that has started."""

    process: subprocess.Popen[str]

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """What the handler returns; `{"errorType"}` where it raises."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(event) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def open_function(module: str, environment: Mapping[str, str]) -> Iterator[Function]:
    """The function in an environment that holds nothing else, warnings being errors."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", __name__, module],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Function(process)
        process.kill()  # as Lambda ends one


def _serve(module: str) -> None:
    # What the function prints is its log.
    answers, sys.stdout = sys.stdout, sys.stderr
    handler = importlib.import_module(module).handler
    for line in sys.stdin:
        try:
            answer = handler(json.loads(line), None)
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        # What nothing holds is gone by the next invocation.
        gc.collect()


if __name__ == "__main__":
    _serve(sys.argv[1])
