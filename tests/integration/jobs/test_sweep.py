"""The jobs function as Lambda runs it, on real Postgres and Valkey: SQS events in, what failed out."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port
from parley.ids import ResponseId, UserId
from parley.kit.valkey import open_valkey
from parley.models.model import Delta
from parley.turns.entries import entry_fields, retraction_fields
from parley.turns.model import Outcome, StopReason, outcome_of_stop
from tests.integration.history.runtime import Function, open_function
from tests.integration.jobs.conftest import failed, jobs_environment, sqs_event

MODULE = "lambdas.jobs.main"


@pytest.fixture(scope="module")
def function(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> Iterator[Function]:
    with open_function(MODULE, jobs_environment(postgres, valkey)) as function:
        yield function


def begin_turn(postgres: EmbeddedPostgres) -> tuple[UserId, ResponseId]:
    """A turn that some process began a minute ago."""
    user_id, conversation_id, response_id = uuid4(), uuid4(), uuid4()
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("INSERT INTO users (user_id) VALUES (%s)", (user_id,))
        connection.execute(
            "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)", (user_id, conversation_id)
        )
        connection.execute(
            "INSERT INTO responses (user_id, response_id, conversation_id, output_item_id, model, status, created_at) "
            "VALUES (%s, %s, %s, gen_random_uuid(), 'm', 'in_progress', now() - interval '1 minute')",
            (user_id, response_id, conversation_id),
        )
    return UserId(user_id), ResponseId(response_id)


def status_and_texts(postgres: EmbeddedPostgres, user_id: UUID) -> tuple[str, list[Any]]:
    with psycopg.connect(postgres.owner_url) as connection:
        row = connection.execute("SELECT status FROM responses WHERE user_id = %s", (user_id,)).fetchone()
        items = connection.execute("SELECT content FROM items WHERE user_id = %s", (user_id,)).fetchall()
    assert row
    return row[0], [content["texts"] for (content,) in items]


async def test_one_invocation_settles_a_turn_whose_process_died(
    function: Function, postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> None:
    user_id, response_id = begin_turn(postgres)
    fields = entry_fields(0, [Delta(text="half an "), Delta(text="answer")], None)
    async with open_valkey(valkey.url, valkey.password_file) as client:
        await client.execute_command("XADD", f"{{{user_id.hex}}}:resp:{response_id.hex}:log", "1-1", *fields)

    answer = function.invoke(sqs_event('{"job": "sweep"}'))

    assert answer == failed()
    assert status_and_texts(postgres, user_id) == ("incomplete", [["half an answer"]])


@pytest.mark.parametrize("outcome", [None, outcome_of_stop(StopReason.WITHHELD)], ids=["died", "not-settled"])
async def test_an_answer_that_was_taken_back_stays_so_whatever_was_saved_of_it(
    function: Function, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, outcome: Outcome | None
) -> None:
    """Its process died, or the database was away, before it was settled; a checkpoint from before tells what it said."""
    user_id, response_id = begin_turn(postgres)
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("UPDATE responses SET checkpoint = '[\"how to make it\"]' WHERE user_id = %s", (user_id,))
    fields = retraction_fields(outcome)
    async with open_valkey(valkey.url, valkey.password_file) as client:
        await client.execute_command("XADD", f"{{{user_id.hex}}}:resp:{response_id.hex}:log", "1-1", *fields)

    function.invoke(sqs_event('{"job": "sweep"}'))

    assert status_and_texts(postgres, user_id) == ("incomplete", [[""]])
    with psycopg.connect(postgres.owner_url) as connection:
        row = connection.execute(
            "SELECT is_blocked, verdict ->> 'action' FROM items WHERE user_id = %s", (user_id,)
        ).fetchone()
    assert row == (True, "block")


async def test_a_turn_that_lives_is_left_alone(
    function: Function, postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> None:
    user_id, response_id = begin_turn(postgres)
    async with open_valkey(valkey.url, valkey.password_file) as client:
        await client.set(f"{{{user_id.hex}}}:resp:{response_id.hex}:alive", b"1", ex=60)

        answer = function.invoke(sqs_event('{"job": "sweep"}'))

    assert answer == failed()
    assert status_and_texts(postgres, user_id) == ("in_progress", [])


@pytest.mark.parametrize("body", ['{"job": "dance"}', '{"job": 7}', "{}", "[]", "null", "not JSON", ""])
def test_a_message_that_names_no_job_is_left_for_the_dead_letters(function: Function, body: str) -> None:
    assert function.invoke(sqs_event(body)) == failed(0)


def test_one_bad_message_does_not_undo_the_others(function: Function) -> None:
    sweep = json.dumps({"job": "sweep"})

    assert function.invoke(sqs_event("bad", sweep, "bad")) == failed(0, 2)


def test_a_job_that_cannot_be_done_now_comes_again(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    away = {"DATABASE_URL": f"postgresql://parley_jobs@127.0.0.1:{free_port()}/parley"}
    with open_function(MODULE, jobs_environment(postgres, valkey) | away) as function:
        assert function.invoke(sqs_event('{"job": "sweep"}')) == failed(0)
