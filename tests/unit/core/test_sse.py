"""The parser of server-sent events, whatever way the bytes were cut."""

import pytest

from parley.kit.sse import COMMENT, DONE, DataParser, encode_data

STREAM = b": hello\n\n" + encode_data('{"a":"grüße"}'.encode()) + b"event: x\r\ndata:{}\r\n\r\n" + COMMENT + DONE
PAYLOADS = ['{"a":"grüße"}'.encode(), b"{}", b"[DONE]"]


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_payloads_are_the_same_at_every_split_point(at: int) -> None:
    parser = DataParser()

    assert parser.feed(STREAM[:at]) + parser.feed(STREAM[at:]) == PAYLOADS


def test_payloads_are_the_same_byte_by_byte() -> None:
    parser = DataParser()

    assert [payload for byte in STREAM for payload in parser.feed(bytes([byte]))] == PAYLOADS


def test_an_unended_line_is_not_a_payload() -> None:
    assert DataParser().feed(b"data: half") == []


def test_a_line_without_end_is_given_up() -> None:
    parser = DataParser(size_limit=10)

    with pytest.raises(ValueError, match="longer than 10 bytes"):
        parser.feed(b"data: 0123456789")
