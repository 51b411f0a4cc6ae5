"""A replica of a small kind, and the figures it is built of."""

import pytest

from capacity.facts import Figure, given


@pytest.fixture
def one_gpu() -> Figure:
    return given("gpus_per_replica", 1, "GPUs", "a test", "configuration")
