"""What it costs to import the chat function: CPU that every cold start pays."""

import subprocess
import sys
from statistics import median

from bench.processes import REPOSITORY

# With the server that run.sh starts it under. Bytecode is compiled already, as it is shipped in a layer.
_PROGRAM = """
from time import process_time
before = process_time()
import uvicorn, uvloop, httptools, uvicorn.protocols.http.httptools_impl, uvicorn.lifespan.on
import lambdas.chat.main
print(process_time() - before)
"""


def import_cpu_ms(times: int) -> float:
    """The median of several fresh processes, after one that fills the file caches."""
    return median([_once() for _ in range(times + 1)][1:])


def _once() -> float:
    argv = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000
