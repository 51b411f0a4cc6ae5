"""Nothing a client sends gives a 500, and every error says what is wrong with which field."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doubles.engine import MODEL
from tests.integration.chat.conftest import Caller, plain

USER = {"role": "user", "content": "words 1"}


def message(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{**USER, **fields}]}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_request", None),
        (b"", 400, "invalid_request", "messages"),
        (b"[]", 400, "invalid_request", None),
        (b'"text"', 400, "invalid_request", None),
        (b"\xff\xfe\x00", 400, "invalid_request", None),
        (b'{"model":"stand-in","messages":[{"role":"user","content":"a\xff"}]}', 400, "invalid_request", None),
        (b'{"model":"stand-in","messages":[{"role":"user","content":"a\\u0000b"}]}', 400, "invalid_request", None),
        (b'{"model":"stand-in","messages":[{"role":"user","content":"\\ud800"}]}', 400, "invalid_request", None),
        (b"[" * 100_000, 400, "invalid_request", None),
        ({"model": MODEL}, 400, "invalid_request", "messages"),
        ({"messages": [USER]}, 400, "invalid_request", "model"),
        ({"model": 5, "messages": [USER]}, 400, "invalid_request", "model"),
        ({"model": "none", "messages": [USER]}, 404, "model_not_found", "model"),
        ({"model": MODEL, "messages": []}, 400, "invalid_request", "messages"),
        ({"model": MODEL, "messages": "hi"}, 400, "invalid_request", "messages"),
        (message(role="robot"), 400, "invalid_request", "messages[0]"),
        (message(content=""), 400, "invalid_request", "messages[0].content"),
        (message(content=" \n"), 400, "invalid_request", "messages[0].content"),
        (message(content=None), 400, "invalid_request", "messages[0].content"),
        (message(content=[]), 400, "invalid_request", "messages[0].content"),
        (message(content="x" * 10_001), 413, "request_too_large", "messages[0].content"),
        (message(extra=1), 400, "unsupported_parameter", "messages[0].extra"),
        (
            message(content=[{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}]),
            400,
            "invalid_request",
            "messages[0].content[0].type",
        ),
        (plain("words 1", temperature="hot"), 400, "invalid_request", "temperature"),
        (plain("words 1", temperature=3), 400, "invalid_request", "temperature"),
        (plain("words 1", max_tokens=0), 400, "invalid_request", "max_tokens"),
        (plain("words 1", max_tokens=5, max_completion_tokens=5), 400, "invalid_request", "max_tokens"),
        (plain("words 1", n=2), 400, "invalid_request", "n"),
        (plain("words 1", store=True), 400, "invalid_request", "store"),
        (plain("words 1", stream="yes"), 400, "invalid_request", "stream"),
        (plain("words 1", tools=[{"type": "custom"}]), 400, "invalid_request", "tools[0].type"),
        (
            plain("words 1", stream_options={"include_obfuscation": True}),
            400,
            "invalid_request",
            "stream_options.include_obfuscation",
        ),
        *[
            (plain("words 1", **{name: value}), 400, "unsupported_parameter", name)
            for name, value in {
                "audio": {},
                "functions": [],
                "metadata": {"a": "b"},
                "prediction": {},
                "prompt_cache_key": "k",
                "reasoning_effort": "low",
                "safety_identifier": "s",
                "verbosity": "low",
                "web_search_options": {},
                "nonsense": 1,
            }.items()
        ],
        ({"message": "hi", "messages": [USER]}, 400, "invalid_request", "message"),
        ({"message": "hi"}, 400, "invalid_request", "conversation_id"),
        (plain("words 1", replaces_item_id="msg_1"), 400, "invalid_request", "conversation_id"),
        ({"message": "hi", "conversation_id": "conv_1"}, 404, "not_found", None),
        ({"message": "hi", "conversation_id": "' OR 1=1 --"}, 404, "not_found", None),
        ({"message": "hi", "conversation_id": f"conv_{uuid4().hex}"}, 404, "not_found", "conversation_id"),
    ],
)
async def test_a_bad_request_is_told_which_field_is_wrong(
    alice: Caller, body: Any, status: int, code: str, param: str | None
) -> None:
    got_status, document = await alice.whole(body)

    error = document["error"]
    assert (got_status, error["code"], error["param"]) == (status, code, param), error["message"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]


async def test_another_users_conversation_does_not_exist(alice: Caller, bob: Caller) -> None:
    status, document = await bob.whole({"conversation_id": alice.conversation, "message": "words 1"})

    assert (status, document["error"]["code"]) == (404, "not_found")
    assert alice.items() == []


async def test_without_an_identity_nothing_is_answered(alice: Caller) -> None:
    for headers in ({}, {"x-amzn-request-context": "{}"}, {"x-amzn-request-context": json.dumps({"authorizer": {}})}):
        async with alice.http.get(alice.chat.url + "/v1/models", headers=headers) as response:
            document = await response.json()
            assert (response.status, document["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/responses/resp_1/cancel", 404, "not_found"),
        ("POST", f"/v1/responses/resp_{'0' * 32}/cancel", 404, "not_found"),
        ("POST", "/v1/responses/%ff%00/cancel", 404, "not_found"),
        ("GET", "/v1/models/%00", 404, "model_not_found"),
    ],
)
async def test_a_url_that_names_nothing_is_told_so(
    alice: Caller, method: str, path: str, status: int, code: str
) -> None:
    async with alice.http.request(method, alice.chat.url + path, headers=alice.headers) as response:
        document = await response.json()

    assert (response.status, document["error"]["code"]) == (status, code)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["model", "messages", "message", "conversation_id", "stream", "stop", "tools", "tool_choice", "logit_bias", "seed"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(FIELDS, JSON, max_size=4), whole=JSON, is_whole=st.booleans())
async def test_no_document_gives_a_500(alice: Caller, fields: dict[str, Any], whole: Any, is_whole: bool) -> None:
    document = whole if is_whole else {**plain("words 1"), **fields}

    async with alice.post("/v1/chat/completions", json.dumps(document).encode()) as response:
        await response.read()

    assert response.status < 500
