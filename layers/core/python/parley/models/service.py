"""The catalogue: which models there are, for whom, and which may answer in another's place."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import monotonic

from parley.errors import ModelNotFound
from parley.models.catalogue import CatalogueFile
from parley.models.client import Engine
from parley.models.model import Capability, Model

FRESH_S = 60
# An unknown name may be a model that was loaded just now, but must not become a way to hammer the engine.
REFETCH_AFTER_S = 2
# What the stages' catalogues call their models by: without a catalogue each of them is the engine's first model.
USUAL_ALIASES = ("fast", "balanced", "quality", "custom")

ReadModels = Callable[[], Awaitable[Sequence[Model]]]


class Catalogue:
    """Models by name and alias, read at most once a minute, or once in two seconds for a name not known yet.

    A `tier` of None stands for a part of ours, which may use any.
    """

    def __init__(self, read: ReadModels, default: str | None = None, clock: Callable[[], float] = monotonic) -> None:
        """`default` names the model for requests that name none; without it that is the first."""
        self._read = read
        self._default = default
        self._clock = clock
        self._models: Sequence[Model] = ()
        self._by_name: dict[str, Model] = {}
        self._read_at = float("-inf")

    async def list_models(self, tier: str | None = None) -> list[Model]:
        """The default first. Raises: EngineUnavailable, EngineFailed when the list was never read, or is old and cannot be."""
        await self._refresh(older_than_s=FRESH_S)
        served = [model for model in self._models if model.serves(tier)]
        return sorted(served, key=lambda model: model != self._named_default)

    async def get(self, name: str, tier: str | None = None) -> Model:
        """Raises: ModelNotFound, also for a model of other tiers, and what `list_models` raises."""
        await self._refresh(older_than_s=FRESH_S if name in self._by_name else REFETCH_AFTER_S)
        model = self._by_name.get(name)
        if model is None or not model.serves(tier):
            raise ModelNotFound(
                f"The model '{name}' does not exist or is not in your tier. GET /v1/models lists those you may use.",
                param="model",
            )
        return model

    async def default(self, tier: str | None = None) -> Model:
        """The model for requests that name none: the catalogue's own or, where the tier may not use that, the tier's first."""
        models = await self.list_models(tier)
        if not models:
            raise ModelNotFound("There is no model that you may use.", param="model")
        return models[0]

    @property
    def _named_default(self) -> Model | None:
        return self._by_name.get(self._default) if self._default else None

    async def fallbacks(self, model: Model, tier: str | None, needs: frozenset[Capability]) -> list[Model]:
        """The models that may answer in its place, best first. Raises: what `list_models` raises."""
        await self._refresh(older_than_s=FRESH_S)
        others = [self._by_name[name] for name in model.fallbacks if name in self._by_name]
        return [each for each in others if each.serves(tier) and needs <= each.capabilities]

    async def _refresh(self, older_than_s: float) -> None:
        if self._clock() - self._read_at < older_than_s:
            return
        self._models = await self._read()
        self._by_name = {alias: model for model in self._models for alias in model.aliases}
        self._by_name.update((model.name, model) for model in self._models)
        self._read_at = self._clock()


def catalogue_of(file: CatalogueFile) -> Catalogue:
    """The models that the file names, whether or not their pools are up."""

    async def read() -> Sequence[Model]:
        return file.models

    return Catalogue(read, file.default)


def catalogue_of_engine(engine: Engine, clock: Callable[[], float] = monotonic) -> Catalogue:
    """The models that the engine serves now; the usual aliases all lead to its first, so that what a client of a stage says
    holds on a laptop too.
    """

    async def read() -> Sequence[Model]:
        models = await engine.list_models()
        return [replace(models[0], aliases=USUAL_ALIASES), *models[1:]] if models else models

    return Catalogue(read, clock=clock)
