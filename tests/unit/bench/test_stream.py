"""The checker of streams: what is whole passes however it was cut, what is not is named."""

import pytest

from bench import script
from bench.engine import Pieces
from bench.stream import StreamCheck

ASKED = script.question("q7", tokens=4)


def stream_of(asked: str, tokens: int) -> bytes:
    """What the stand-in engine sends, without HTTP's framing."""
    reply = Pieces().reply({"messages": [{"role": "user", "content": asked}], "max_tokens": tokens})
    return _unframed(reply.first + b"".join(reply.pieces[1:tokens]) + reply.end)


def _unframed(framed: bytes) -> bytes:
    data = b""
    while framed:
        size, _, framed = framed.partition(b"\r\n")
        data, framed = data + framed[: int(size, 16)], framed[int(size, 16) + 2 :]
    return data


def problem_of(*pieces: bytes) -> str | None:
    check = StreamCheck()
    for piece in pieces:
        check.feed(piece)
    return check.problem(script.answer(ASKED))


def test_a_whole_stream_passes_however_its_bytes_were_cut() -> None:
    data = stream_of(ASKED, 4)

    problems = {problem_of(data[:cut], data[cut:]) for cut in range(len(data))}

    assert problems == {None}


def test_tokens_are_counted_when_their_event_is_complete() -> None:
    check = StreamCheck()
    data = stream_of(ASKED, 4)

    counts = [check.feed(data[index : index + 1]) for index in range(len(data))]

    assert sum(counts) == 4
    assert set(counts) == {0, 1}


def test_every_truncation_is_detected() -> None:
    data = stream_of(ASKED, 4)

    assert all(problem_of(data[:end]) is not None for end in range(len(data)))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"word2", b"word9", "text is not the answer to the question"),
        (b'"stop"', b"null", "no finish reason"),
        (b"data: [DONE]\n\n", b"", "no [DONE]"),
        (b"data: [DONE]\n\n", b"data: [DONE]\n\ndata: {}\n\n", "an event after [DONE]"),
        (b"data: [DONE]\n\n", b'data: {"error": {"code": "engine_failed"}}\n\n', "error event: engine_failed"),
        (b'"usage":', b'"usage"', "an event that is not JSON"),
        (b"data: [DONE]", b"nonsense", "not a data event: b'nonsense'"),
    ],
)
def test_what_is_wrong_is_named(old: bytes, new: bytes, problem: str) -> None:
    assert problem_of(stream_of(ASKED, 4).replace(old, new)) == problem


def test_a_stream_short_of_a_token_is_cut() -> None:
    assert problem_of(stream_of(ASKED, 3)) == "text is cut after 3 tokens"


def test_the_answer_to_another_question_is_detected() -> None:
    assert problem_of(stream_of(script.question("q8", tokens=4), 4)) == "text is not the answer to the question"


def test_keep_alive_comments_are_passed_over() -> None:
    assert problem_of(b": keep-alive\n\n", stream_of(ASKED, 4)) is None
