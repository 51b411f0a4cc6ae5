"""What `make build` makes for this machine, and for Lambda's arm64."""

from pathlib import Path

import pytest

from layers.build import build
from layers.target import Target, host_target

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built() -> Path:
    """For the machine and Python that run the tests."""
    return build(host_target(), ROOT / "build", say=lambda _: None)


@pytest.fixture(scope="session")
def built_arm64() -> Path:
    return build(Target("arm64", "3.13"), ROOT / "build", say=lambda _: None)
