"""Lists come from a standby only for whoever takes an answer that is a moment old."""

from collections.abc import AsyncIterator

import pytest

from lambdas.history.app import create_app
from local.parts.ports import free_port
from local.parts.postgres import EmbeddedPostgres
from parley.settings import HistorySettings
from tests.http.history.rest import Api, Caller


@pytest.fixture
async def ada(postgres: EmbeddedPostgres) -> AsyncIterator[Caller]:
    """A user of a function whose standby is away, so that asking it shows."""
    settings = HistorySettings(
        database_url=postgres.url_for("parley_app"),
        database_reader_url=f"postgresql://parley_app@127.0.0.1:{free_port()}/parley",
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield Caller(Api(app))


async def _list(caller: Caller, path: str, cache_control: bytes = b"") -> int:
    headers = [(b"cache-control", cache_control)] if cache_control else []
    return (await caller.api.call("GET", path, user_id=caller.user_id, added_headers=headers)).status


async def test_who_has_just_written_reads_it(ada: Caller) -> None:
    path = await ada.create_with("hello")

    assert await _list(ada, "/v1/conversations") == 200
    assert await _list(ada, f"{path}/items") == 200


@pytest.mark.parametrize("words", [b"max-stale", b"max-stale=5", b"no-transform, Max-Stale=60"])
async def test_who_takes_a_moment_old_list_is_sent_to_the_standby(ada: Caller, words: bytes) -> None:
    path = await ada.create_with("hello")

    assert await _list(ada, "/v1/conversations", words) == 503
    assert await _list(ada, f"{path}/items", words) == 503


async def test_what_is_named_by_its_id_comes_from_the_writer(ada: Caller) -> None:
    path = await ada.create_with("hello")

    assert await _list(ada, path, b"max-stale") == 200


@pytest.mark.parametrize("words", [b"no-cache", b"max-age=0", b"x-max-stale"])
async def test_other_words_ask_for_what_is_fresh(ada: Caller, words: bytes) -> None:
    assert await _list(ada, "/v1/conversations", words) == 200
