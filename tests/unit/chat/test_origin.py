"""By what a request is known when it comes again."""

import pytest
from fastapi import Request

from lambdas.chat.origin import Origin, origin_of
from parley.errors import InvalidRequest


def origin(path: str = "/v1/responses", body: bytes = b"{}", **headers: str) -> Origin:
    scope = {
        "type": "http",
        "path": path,
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
        "state": {"request_id": "request"},
    }
    return origin_of(Request(scope), body)


def test_the_same_path_and_body_have_the_same_hash() -> None:
    assert origin().idempotency.request_hash == origin().idempotency.request_hash
    others = {
        origin(path="/v1/chat/completions").idempotency.request_hash,
        origin(body=b"{ }").idempotency.request_hash,
    }
    assert len(others | {origin().idempotency.request_hash}) == 3
    assert len(origin().idempotency.request_hash) == 32


@pytest.mark.parametrize(
    ("count", "is_retry"), [("0", False), ("1", True), ("10", True), ("", False), ("-1", False), ("x", False)]
)
def test_the_sdks_say_when_they_try_again(count: str, is_retry: bool) -> None:
    assert origin(x_stainless_retry_count=count).idempotency.is_retry is is_retry


def test_a_key_and_the_request_id_are_kept() -> None:
    found = origin(idempotency_key="a key")

    assert (found.idempotency.key, found.idempotency.is_retry, found.request_id) == ("a key", False, "request")
    assert origin().idempotency.key is None


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a\tb"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        origin(idempotency_key=key)

    assert refused.value.param == "Idempotency-Key"
