"""vLLM keeps the contract of engines (gpu_workers/PROTOCOL.md), which the laptop's engine and the stand-in are held to."""

from collections.abc import AsyncIterator

import pytest

from parley.models.client import Engine, open_engine
from parley.settings import EngineSettings
from tests.integration.chat.test_engine_contract import (
    test_a_prompt_is_counted_with_its_template,
    test_a_server_that_is_away_is_unavailable,
    test_a_stream_has_text_a_finish_reason_and_usage,
    test_leaving_early_ends_the_stream,
    test_models_say_how_long_their_context_is,
    test_tokens_are_counted_without_a_template,
)
from tests.vllm.conftest import READY_WITHIN_S, Worker

pytestmark = pytest.mark.timeout(READY_WITHIN_S + 60)

__all__ = [
    "test_a_prompt_is_counted_with_its_template",
    "test_a_server_that_is_away_is_unavailable",
    "test_a_stream_has_text_a_finish_reason_and_usage",
    "test_leaving_early_ends_the_stream",
    "test_models_say_how_long_their_context_is",
    "test_tokens_are_counted_without_a_template",
]


@pytest.fixture
async def client(worker: Worker) -> AsyncIterator[Engine]:
    async with open_engine(EngineSettings(engine_url=f"{worker.url}/v1")) as client:
        yield client
