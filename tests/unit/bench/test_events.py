"""The checker of the Responses API's streams: what is in order passes however it was cut, what is not is named."""

from typing import Any

import orjson
import pytest

from bench.events import EventCheck

ANSWER = " q7 word1 word2"


def event(number: int, kind: str, **fields: Any) -> bytes:
    return (
        f"event: {kind}\ndata: ".encode() + orjson.dumps({"type": kind, **fields, "sequence_number": number}) + b"\n\n"
    )


def delta(number: int, text: str) -> bytes:
    return event(number, "response.output_text.delta", delta=text)


def lifecycle(number: int, status: str, name: str = "") -> bytes:
    return event(number, f"response.{name or status}", response={"id": "resp_1", "status": status})


STREAM = [
    lifecycle(0, "in_progress", "created"),
    delta(1, " q7"),
    delta(2, " word1"),
    delta(3, " word2"),
    lifecycle(4, "completed"),
]


def checked(*pieces: bytes, starting_after: int | None = None) -> EventCheck:
    check = EventCheck(starting_after)
    for piece in pieces:
        check.feed(piece)
    return check


def test_a_whole_stream_passes_however_its_bytes_were_cut() -> None:
    data = b"".join(STREAM)

    checks = [checked(data[:cut], data[cut:]) for cut in range(len(data))]

    assert {check.problem(ANSWER) for check in checks} == {None}
    assert {(check.text, check.status, check.events, check.last_number) for check in checks} == {
        (ANSWER, "completed", 5, 4)
    }
    assert {check.response_id for check in checks} == {"resp_1"}


def test_events_are_counted_when_they_are_complete() -> None:
    check, data = EventCheck(), b"".join(STREAM)

    counts = [check.feed(data[index : index + 1]) for index in range(len(data))]

    assert sum(counts) == 5
    assert set(counts) == {0, 1}


def test_the_rest_of_a_stream_passes_behind_the_event_that_was_seen() -> None:
    check = checked(*STREAM[3:], starting_after=2)

    assert check.problem(ANSWER) is None
    assert (check.text, check.events) == (" word2", 2)


def test_a_stream_that_goes_on_passes_and_has_not_ended() -> None:
    check = checked(*STREAM[:3], b": keep-alive\n\n")

    assert check.problem(ANSWER) is None
    assert check.status is None


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        ([*STREAM[:2], *STREAM[3:]], "event 3 comes after event 1"),
        ([*STREAM[:2], *STREAM[1:]], "event 1 comes after event 1"),
        ([*STREAM, lifecycle(5, "completed")], "an event after the last"),
        ([*STREAM, b"data"], "bytes behind the last event"),
        ([STREAM[0], b"event: x\ndata: {\n\n"], "not an event: b'event: x\\ndata: {'"),
        ([STREAM[0], delta(1, " q8")], "text is not of the answer to the question"),
        ([*STREAM[:3], lifecycle(3, "completed")], "text is not of the answer to the question"),
    ],
)
def test_what_is_wrong_is_named(pieces: list[bytes], problem: str) -> None:
    assert checked(*pieces).problem(ANSWER) == problem
