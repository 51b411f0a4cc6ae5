"""The catalogue: which models there are."""

from collections.abc import Callable
from time import monotonic

from parley.errors import ModelNotFound
from parley.models.client import Engine
from parley.models.model import Model

FRESH_S = 60
# An unknown name may be a model that was loaded just now, but must not become a way to hammer the engine.
REFETCH_AFTER_S = 2


class Catalogue:
    """The engine's models, asked for at most once a minute, or once in two seconds for a name not known yet."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._models: dict[str, Model] = {}
        self._read_at = float("-inf")

    async def list_models(self) -> list[Model]:
        """Raises: EngineUnavailable, EngineFailed when the list was never read or is old and cannot be read."""
        await self._refresh(older_than_s=FRESH_S)
        return list(self._models.values())

    async def get(self, name: str) -> Model:
        """Raises: ModelNotFound, and what `list_models` raises."""
        await self._refresh(older_than_s=FRESH_S if name in self._models else REFETCH_AFTER_S)
        if name not in self._models:
            raise ModelNotFound(
                f"The model '{name}' does not exist. GET /v1/models lists those that do.", param="model"
            )
        return self._models[name]

    async def default(self) -> Model:
        """The model for requests that name none: the engine's first."""
        models = await self.list_models()
        if not models:
            raise ModelNotFound("The engine serves no model.", param="model")
        return models[0]

    async def _refresh(self, older_than_s: float) -> None:
        if self._clock() - self._read_at < older_than_s:
            return
        self._models = {model.name: model for model in await self._engine.list_models()}
        self._read_at = self._clock()
