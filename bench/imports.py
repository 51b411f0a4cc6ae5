"""What it costs to import the chat function: CPU that every cold start pays."""

import subprocess
import sys
from statistics import median

from bench.processes import REPOSITORY

# What run.sh starts: the server and the application, ready but with nothing opened. Bytecode is compiled already, as it is
# shipped in a layer.
_PROGRAM = """
from time import process_time
before = process_time()
import uvicorn, uvloop, httptools, uvicorn.protocols.http.httptools_impl, uvicorn.lifespan.on
from lambdas.chat.main import app
app()
print(process_time() - before)
"""
_SETTINGS = {"DATABASE_URL": "postgresql://", "VALKEY_URL": "redis://", "ENGINE_URL": "http://127.0.0.1:1/v1"}


def import_cpu_ms(times: int) -> float:
    """The median of several fresh processes, after one that fills the file caches."""
    return median([_once() for _ in range(times + 1)][1:])


def _once() -> float:
    argv = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True, text=True, env=_SETTINGS)
    return float(done.stdout) * 1000
