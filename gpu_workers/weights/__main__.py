"""The job: its arguments, its exit code, and errors as the last line."""

import argparse
import os
import sys
from pathlib import Path

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.progress import print_event

# Plain HTTP can be continued after a kill and keeps memory small; Xet keeps a cache of its own. Bars would mix with our lines.
_HUB_ENVIRONMENT = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def main() -> int:
    """0 when the revision is whole in the store, 1 when not, for the reason in the last line."""
    arguments = _parse_arguments()
    os.environ.update(_HUB_ENVIRONMENT)  # before the library is imported: it reads them then
    try:
        _push(arguments)
    except PushError as error:
        print_event("error", code=error.code, message=str(error))
        return 1
    except KeyboardInterrupt:
        print_event("error", code="interrupted", message="Interrupted. Push again to continue.")
        return 130
    return 0


def _push(arguments: argparse.Namespace) -> None:
    from gpu_workers.weights.hub import Hub
    from gpu_workers.weights.push import Order, push
    from gpu_workers.weights.quantise import Quantiser
    from gpu_workers.weights.store import Store, read_token, s3_client

    order = Order(
        repo=arguments.repo,
        revision=arguments.revision,
        folder=arguments.folder,
        scratch=arguments.scratch,
        accepted_licence=arguments.accept_licence,
        quantiser=Quantiser(arguments.quantiser, arguments.quantise) if arguments.quantise else None,
    )
    token = read_token(arguments.token_secret) if arguments.token_secret else None
    client = s3_client()
    push(order, Hub(token), lambda folder: Store(client, arguments.bucket, folder), print_event)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gpu_workers.weights", description=__doc__)
    parser.add_argument("repo", help="such as Qwen/Qwen3-8B-AWQ")
    parser.add_argument("--revision", default="main", help="commit, branch or tag")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--folder", required=True, help="such as models/qwen3-8b; the commit is added to it")
    parser.add_argument("--scratch", type=Path, required=True, help="a folder on a disk with room for a few shards")
    parser.add_argument("--accept-licence", help="the licence, by its exact name, when it is no open one")
    parser.add_argument("--quantise", choices=["fp8"])
    parser.add_argument("--quantiser", type=Path, default=Path(sys.executable), help="a Python with llm-compressor")
    parser.add_argument("--token-secret", help="name of a secret with a token for gated models; may not exist")
    return parser.parse_args()


if __name__ == "__main__":
    # Without waiting for threads that still move other files: a push may be killed at any moment, so it may end itself so.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
