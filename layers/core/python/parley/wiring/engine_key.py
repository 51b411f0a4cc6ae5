"""The engine's key, where it lies in Secrets Manager."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from parley.settings import EngineSettings
from parley.wiring.role import aws_of


@asynccontextmanager
async def with_engine_key(settings: EngineSettings) -> AsyncGenerator[EngineSettings]:
    """`settings` with the secret's text in `engine_api_key_file`: a file in memory only, gone with the block.

    Read once: who rotates the key publishes a new version of the function, as for any change of its configuration.
    Raises: SecretUnavailableError, so that the function does not start without a key it needs.
    """
    if settings.engine_api_key_secret_arn is None:
        yield settings
        return
    from parley.kit.secrets import read_secret

    key = await read_secret(aws_of(settings), settings.engine_api_key_secret_arn)
    with os.fdopen(os.memfd_create("engine-key"), "wb") as file:
        file.write(key.encode())
        file.flush()
        yield settings.model_copy(update={"engine_api_key_file": Path(f"/proc/self/fd/{file.fileno()}")})
