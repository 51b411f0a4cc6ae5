"""Background turns whose worker dies, or is slow to begin."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from parley.turns.log_batch import ALIVE_FOR_S
from parley.turns.sweep import SWEEP_EVERY_S
from tests.doubles.turns import ForgetfulQueue
from tests.faults.client import Device, User, eventually, output_text, words
from tests.faults.engine import FaultyEngine
from tests.faults.parts import REPOSITORY, Parts
from tests.faults.sweeping import sweeping
from tests.integration.history import runtime


@dataclass(slots=True)
class Worker:
    """The jobs function in a process of its own, as Lambda has it."""

    popen: subprocess.Popen[bytes]

    def take(self, job: Mapping[str, str]) -> None:
        """Begin to do it; nobody waits for the answer."""
        records = [{"messageId": "0", "body": json.dumps(job)}]
        assert self.popen.stdin
        self.popen.stdin.write(json.dumps({"Records": records}).encode() + b"\n")
        self.popen.stdin.flush()

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()


@contextmanager
def worker(parts: Parts, engine_url: str) -> Iterator[Worker]:
    environment = {
        **parts.environment(engine_url),
        "DATABASE_URL": parts.postgres.url_for("parley_jobs"),
        "APP_DATABASE_URL": parts.postgres.url_for("parley_app"),
        **{name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
    }
    with (parts.home / "logs" / "worker.log").open("ab") as log:
        popen = subprocess.Popen(
            [sys.executable, "-m", runtime.__name__, "lambdas.jobs.main"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    with popen:
        try:
            yield Worker(popen)
        finally:
            popen.kill()


@pytest.fixture
def workers(parts: Parts, faulty: FaultyEngine) -> Iterator[list[Worker]]:
    """Two, of which one may die."""
    with ExitStack() as stack:
        yield [stack.enter_context(worker(parts, faulty.url)) for _ in range(2)]


def job_of(user: User) -> dict[str, str]:
    """The job of the user's newest turn."""
    ((response_id,),) = user.parts.rows(
        "SELECT response_id FROM responses WHERE user_id = %s ORDER BY created_at DESC LIMIT 1", user.user_id
    )
    return {"job": "turn", "user_id": user.user_id.hex, "response_id": response_id.hex}


def status_of(user: User) -> str:
    return user.responses()[-1][0]


def lease_of(user: User) -> int:
    return user.parts.rows("SELECT lease_epoch FROM responses WHERE user_id = %s", user.user_id)[0][0]


def check_whole(reading: Any, user: User, count: int) -> None:
    assert reading.numbers == list(range(len(reading.numbers)))
    assert reading.last["type"] == "response.completed"
    assert reading.text == words(count) == output_text(reading.last["response"])
    assert [(role, text) for role, _, text in user.items()][1:] == [("assistant", words(count))]


async def test_a_turn_whose_worker_dies_before_its_first_word_is_run_by_another(
    parts: Parts, phone: Device, workers: list[Worker], faulty: FaultyEngine
) -> None:
    queue, user = ForgetfulQueue(), phone.user
    async with phone.says("words 20 every 0.02", background=True) as reading:
        await reading.until(lambda: reading.events)
        job = job_of(user)
        faulty.tokenizing.clear()  # the worker gets no further than this
        try:
            workers[0].take(job)
            await eventually(lambda: status_of(user) == "in_progress")
            workers[0].kill()
        finally:
            faulty.tokenizing.set()
        async with sweeping(parts, queue):
            await eventually(lambda: queue.jobs, within_s=4 * SWEEP_EVERY_S)
            assert status_of(user) == "queued"
            workers[1].take(queue.jobs[0])
            await reading.end()

    assert queue.jobs == [job]
    assert user.responses()[-1][:2] == ("completed", "stop")
    assert lease_of(user) == 3
    check_whole(reading, user, 20)
    await phone.goes_on()


async def test_a_turn_whose_worker_dies_after_words_is_settled_with_them(
    parts: Parts, phone: Device, workers: list[Worker]
) -> None:
    queue, user = ForgetfulQueue(), phone.user
    async with phone.says("words 1000 every 0.02", background=True) as reading:
        await reading.until(lambda: reading.events)
        workers[0].take(job_of(user))
        await reading.has(40)
        workers[0].kill()
        async with sweeping(parts, queue):
            settled = await user.settled()
            await reading.end()
    workers[1].take(job_of(user))  # the message comes again, to nobody's harm
    await asyncio.sleep(0.5)

    assert queue.jobs == []
    assert settled[:3] == ("incomplete", None, "engine_failed")
    assert reading.numbers == list(range(len(reading.numbers)))
    assert reading.text == user.items()[-1][2] == output_text(reading.last["response"])
    assert len(reading.pieces) >= 40
    await phone.goes_on()


async def test_a_worker_that_is_slow_to_begin_is_not_taken_for_dead(
    parts: Parts, phone: Device, workers: list[Worker], faulty: FaultyEngine
) -> None:
    """A saturated engine may take seconds to count a prompt."""
    queue, user = ForgetfulQueue(), phone.user
    async with phone.says("words 20 every 0.02", background=True) as reading:
        await reading.until(lambda: reading.events)
        await asyncio.sleep(2.1)  # a queue in which it waited
        faulty.tokenizing.clear()
        try:
            workers[0].take(job_of(user))
            await eventually(lambda: status_of(user) == "in_progress")
            async with sweeping(parts, queue, every_s=SWEEP_EVERY_S):
                await asyncio.sleep(SWEEP_EVERY_S + 0.7)
                faulty.tokenizing.set()
                await reading.end()
        finally:
            faulty.tokenizing.set()

    assert queue.jobs == []
    assert lease_of(user) == 1
    check_whole(reading, user, 20)


async def test_two_workers_with_the_same_message_answer_once(
    parts: Parts, phone: Device, workers: list[Worker], faulty: FaultyEngine
) -> None:
    asked = len(faulty.requests)
    async with phone.says("words 20 every 0.02", background=True) as reading:
        await reading.until(lambda: reading.events)
        for each in workers:
            each.take(job_of(phone.user))
        await reading.end(within_s=ALIVE_FOR_S + 5)

    assert len(faulty.requests) == asked + 1
    check_whole(reading, phone.user, 20)
