"""The catalogue asks the engine seldom, whatever its callers ask for."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from parley.errors import ModelNotFound
from parley.models.client import Engine
from parley.models.model import Model
from parley.models.service import Catalogue, catalogue_of_engine


@dataclass
class CountingEngine:
    names: list[str]
    asked: int = 0
    time_s: float = field(default=0.0)

    async def list_models(self) -> list[Model]:
        self.asked += 1
        return [Model(name, 4096, 0, "tests") for name in self.names]

    def clock(self) -> float:
        return self.time_s


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine(["a"])


@pytest.fixture
def catalogue(engine: CountingEngine) -> Catalogue:
    return catalogue_of_engine(cast("Engine", engine), engine.clock)


async def test_a_known_model_is_not_asked_for_again(engine: CountingEngine, catalogue: Catalogue) -> None:
    for _ in range(10):
        assert (await catalogue.get("a")).name == "a"

    assert engine.asked == 1


async def test_unknown_names_cannot_hammer_the_engine(engine: CountingEngine, catalogue: Catalogue) -> None:
    for _ in range(10):
        with pytest.raises(ModelNotFound):
            await catalogue.get("b")

    assert engine.asked == 1


async def test_a_model_that_was_loaded_just_now_is_found(engine: CountingEngine, catalogue: Catalogue) -> None:
    await catalogue.list_models()
    engine.names.append("b")
    engine.time_s += 3

    assert (await catalogue.get("b")).name == "b"


async def test_the_default_is_the_engines_first(engine: CountingEngine, catalogue: Catalogue) -> None:
    assert (await catalogue.default()).name == "a"
    engine.names.clear()
    engine.time_s += 61
    with pytest.raises(ModelNotFound):
        await catalogue.default()
