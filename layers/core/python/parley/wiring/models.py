"""The models: from a catalogue with its pools, or from the one engine of ENGINE_URL."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.models.catalogue import load_catalogue
from parley.models.client import Engines, engine_pool, open_engines
from parley.models.model import Pool
from parley.models.service import Catalogue, catalogue_of, catalogue_of_engine
from parley.settings import EngineSettings
from parley.wiring.role import aws_of


@dataclass(frozen=True, slots=True)
class Models:
    """Which models there are, and what serves them."""

    catalogue: Catalogue
    engines: Engines


@asynccontextmanager
async def open_models(settings: EngineSettings) -> AsyncGenerator[Models]:
    """Raises: SettingsError for a wrong file; SecretUnavailableError, so that no function starts without a key it needs.

    Keys are read once: who rotates one publishes a new version of the function, as for any change of its configuration.
    """
    if settings.models_file is None:
        pool = engine_pool(settings)
        key = await _engine_key(settings)
        async with open_engines(settings, [pool], {pool.name: key} if key else {}) as engines:
            yield Models(catalogue_of_engine(engines.of_pool(pool.name)), engines)
        return
    file = load_catalogue(settings.models_file, settings.stage)
    async with open_engines(settings, file.pools, await _pool_keys(settings, file.pools)) as engines:
        yield Models(catalogue_of(file), engines)


async def _engine_key(settings: EngineSettings) -> str | None:
    if settings.engine_api_key_file is not None:
        return settings.engine_api_key_file.read_text().strip()
    if settings.engine_api_key_secret_arn is not None:
        return await _read_secret(settings, settings.engine_api_key_secret_arn)
    return None


async def _pool_keys(settings: EngineSettings, pools: tuple[Pool, ...]) -> dict[str, str]:
    return {
        pool.name: await _read_secret(settings, pool.api_key_secret_arn)
        for pool in pools
        if pool.api_key_secret_arn is not None
    }


async def _read_secret(settings: EngineSettings, arn: str) -> str:
    from parley.kit.secrets import read_secret

    return (await read_secret(aws_of(settings), arn)).strip()
