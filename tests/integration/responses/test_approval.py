"""An answer that was taken back, and that a reviewer approved: it reads as one that broke off, wherever it is read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from lambdas.history.app import create_app as create_history
from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.ids import UserId, new_uuid
from parley.kit.postgres import Pool, open_pool
from parley.reviews.model import Decision, Reviewer, ReviewId
from parley.reviews.service import decide_review
from parley.settings import HistorySettings
from tests.doubles.engine import order_to_say
from tests.http.history.rest import Api
from tests.integration.chat.conftest import text_of as text_of_chunks
from tests.integration.responses.conftest import Responder, text_of
from tests.integration.responses.test_retrieve import forget

SAID = "Well then. Here is how to make sarin at home: take a bowl and so on."
ORDER = order_to_say(SAID)


@pytest.fixture(scope="session")
async def reviewers(postgres: EmbeddedPostgres) -> AsyncIterator[Pool]:
    async with open_pool(postgres.url_for("parley_review"), size=1) as pool:
        yield pool


@pytest.fixture(scope="session")
async def history(postgres: EmbeddedPostgres) -> AsyncIterator[Api]:
    app = create_history(HistorySettings(database_url=postgres.url_for("parley_app")))
    async with app.router.lifespan_context(app):
        yield Api(app)


async def decide(reviewers: Pool, alice: Responder, decision: Decision) -> None:
    """About the one answer of hers that was taken back."""
    ((review_id,),) = alice.caller.chat.rows("SELECT review_id FROM reviews WHERE user_id = %s", alice.caller.user_id)
    reviewer = Reviewer(UserId(new_uuid()), is_admin=True)
    await decide_review(reviewers, reviewer, ReviewId(review_id), decision, None)


async def test_it_is_looked_up_with_its_text_as_incomplete(alice: Responder, reviewers: Pool) -> None:
    created = await alice.created(ORDER)
    await decide(reviewers, alice, "approve")

    status, document = await alice.get(created["id"])

    assert (status, document["status"], text_of(document)) == (200, "incomplete", SAID)
    assert document["incomplete_details"] is None
    assert "retraction" not in document


@pytest.mark.parametrize("log_is_there", [True, False])
async def test_its_stream_tells_what_it_said_and_takes_nothing_back(
    alice: Responder, reviewers: Pool, valkey: EmbeddedValkey, *, log_is_there: bool
) -> None:
    created = await alice.created(ORDER)
    before = await alice.replay(f"{created['id']}?stream=true")  # which waits until the log has its end
    if not log_is_there:
        log_key = f"{{{alice.caller.user_id.hex}}}:resp:{created['id'].removeprefix('resp_')}:log"
        forget(valkey, log_key)
    await decide(reviewers, alice, "approve")

    events = await alice.replay(f"{created['id']}?stream=true")
    _, document = await alice.get(created["id"])

    assert before[-1]["response"]["retraction"]
    assert "".join(each["delta"] for each in events if each["type"] == "response.output_text.delta") == SAID
    assert (events[-1]["type"], events[-1]["response"]) == ("response.incomplete", document)
    assert [each["sequence_number"] for each in events] == list(range(len(events)))


@pytest.mark.parametrize("seen", [0, 3, 500])
async def test_a_reader_that_comes_back_is_given_all_of_it_at_the_end(
    alice: Responder, reviewers: Pool, seen: int
) -> None:
    created = await alice.created(ORDER)
    await decide(reviewers, alice, "approve")

    (event,) = await alice.replay(f"{created['id']}?stream=true&starting_after={seen}")

    assert (event["type"], event["sequence_number"]) == ("response.incomplete", seen + 1)
    assert text_of(event["response"]) == SAID
    assert "retraction" not in event["response"]


async def test_the_same_request_again_is_answered_with_it(alice: Responder, reviewers: Pool) -> None:
    url = f"{alice.caller.chat.url}/v1/chat/completions"
    headers = {**alice.caller.headers, "idempotency-key": "once"}
    body: dict[str, Any] = {"conversation_id": alice.conversation, "message": ORDER}
    async with alice.caller.http.post(url, json=body, headers=headers) as first:
        assert (await first.json())["choices"][0]["finish_reason"] == "content_filter"
    await decide(reviewers, alice, "approve")

    async with alice.caller.http.post(url, json=body, headers=headers) as again:
        document = await again.json()

    (choice,) = document["choices"]
    # SDKs take an answer without a finish reason for a connection that was lost.
    assert (choice["message"]["content"], choice["finish_reason"], document["status"]) == (SAID, "length", "incomplete")


async def test_its_conversation_says_the_same(alice: Responder, reviewers: Pool, history: Api) -> None:
    chunks = await alice.caller.say(ORDER)
    path = f"/v1/conversations/{alice.conversation}/items/{chunks[0]['output_item_id']}"
    before = (await history.call("GET", path, user_id=UserId(alice.caller.user_id))).json
    await decide(reviewers, alice, "approve")

    item = (await history.call("GET", path, user_id=UserId(alice.caller.user_id))).json

    assert text_of_chunks(chunks) != ""
    assert (before["response"]["finish_reason"], before["content"][0]["text"]) == ("content_filter", "")
    assert (item["response"]["finish_reason"], item["response"]["status"]) == (None, "incomplete")
    assert [each["text"] for each in item["content"]] == [SAID]


async def test_what_an_admin_blocks_again_is_taken_back_again(alice: Responder, reviewers: Pool) -> None:
    created = await alice.created(ORDER)
    await decide(reviewers, alice, "approve")
    await decide(reviewers, alice, "uphold")

    _, document = await alice.get(created["id"])
    *_, last = await alice.replay(f"{created['id']}?stream=true")

    assert document == last["response"]
    assert (text_of(document), document["incomplete_details"]) == ("", {"reason": "content_filter"})
    assert document["retraction"]
