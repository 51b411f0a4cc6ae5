"""A data folder for each test module, and one for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.parts import temporary_home


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with temporary_home() as path:
        yield path


@pytest.fixture
def own_home() -> Iterator[Path]:
    with temporary_home() as path:
        yield path
