"""The embedded engine's process: `python -m local.engine --model FILE --alias NAME --port N`.

llama.cpp's own HTTP server (package `xllamacpp`): OpenAI's `/v1/chat/completions` and `/v1/models`, and `/tokenize`,
`/apply-template`, `/props`, `/slots`, `/metrics`, `/health`.
"""

# pyright: reportAttributeAccessIssue=false
# xllamacpp is a compiled module without type stubs.

import argparse
import os
import signal
import threading
from pathlib import Path

import xllamacpp

# Prompts of finished conversations kept in memory for their prefix; llama.cpp's default of 8 GiB is a server's.
_PROMPT_CACHE_MIB = 256


def main() -> None:
    """Serve the model until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _server = xllamacpp.Server(_parameters(_arguments()))
    stop.wait()
    # Not by the server's destructor, which waits for the answers under way: minutes, and nobody will read them.
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.engine", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context-tokens", type=int, default=4096, help="of each slot")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _parameters(arguments: argparse.Namespace) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = arguments.port
    parameters.model.path = str(arguments.model)
    parameters.model_alias = {arguments.alias}
    parameters.n_parallel = arguments.slots
    parameters.n_ctx = arguments.slots * arguments.context_tokens
    parameters.cpuparams.n_threads = arguments.threads
    parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.cache_ram_mib = _PROMPT_CACHE_MIB
    parameters.endpoint_metrics = True
    parameters.endpoint_slots = True
    parameters.ui = False
    parameters.cors_origins = ""  # no web page may read from it
    return parameters


if __name__ == "__main__":
    main()
