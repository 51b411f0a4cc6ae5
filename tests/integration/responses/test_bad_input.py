"""Nothing a client sends to the Responses API gives a 500."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doubles.engine import MODEL
from tests.integration.responses.conftest import Responder


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_request", None),
        (b"", 400, "invalid_request", "model"),
        (b"[]", 400, "invalid_request", None),
        (b"[" * 100_000, 400, "invalid_request", None),
        (b'{"model":"stand-in","input":"a\\u0000b"}', 400, "invalid_request", None),
        (b'{"model":"stand-in","input":"\\ud800"}', 400, "invalid_request", None),
        ({"input": "hi"}, 400, "invalid_request", "model"),
        ({"model": MODEL}, 400, "invalid_request", "input"),
        ({"model": "none", "input": "hi"}, 404, "model_not_found", "model"),
        ({"model": MODEL, "input": "x" * 10_001}, 413, "request_too_large", "input"),
        ({"model": MODEL, "input": "hi", "tools": [{"type": "web_search"}]}, 400, "invalid_request", "tools[0].type"),
        ({"model": MODEL, "input": "hi", "conversation": f"conv_{'0' * 32}"}, 404, "not_found", "conversation"),
        (
            {"model": MODEL, "input": "hi", "previous_response_id": f"resp_{'0' * 32}"},
            404,
            "not_found",
            "previous_response_id",
        ),
        (
            {"model": MODEL, "input": [{"role": "user", "content": "hi"}] * 10_001},
            400,
            "invalid_request",
            "input",
        ),
        ({"model": MODEL, "input": "words 1 " + "more " * 900}, 400, "context_length_exceeded", "input"),
    ],
)
async def test_a_bad_request_is_told_which_field_is_wrong(
    alice: Responder, body: Any, status: int, code: str, param: str | None
) -> None:
    async with alice.post(body) as response:
        document = await response.json()

    error = document["error"]
    assert (response.status, error["code"], error["param"]) == (status, code, param), error["message"]
    assert error["type"] == "invalid_request_error"
    assert alice.caller.items() == []


@pytest.mark.parametrize("key", ["x" * 256, "", "\xfc"])
async def test_an_idempotency_key_that_is_none_is_refused(alice: Responder, key: str) -> None:
    status, document = await alice.create_with({"Idempotency-Key": key}, "words 1")

    assert (status, document["error"]["param"]) == (400, "Idempotency-Key")


async def test_a_history_that_may_not_be_truncated_is_refused(alice: Responder) -> None:
    newest = None
    for _ in range(2):
        newest = await alice.created("words 1 " + "more " * 300, previous_response_id=newest and newest["id"])
    assert newest is not None
    asked = {"previous_response_id": newest["id"]}

    status, document = await alice.create("words 1 " + "more " * 300, **asked, truncation="disabled")

    assert (status, document["error"]["code"]) == (400, "context_length_exceeded")
    assert (await alice.created("words 1 " + "more " * 300, **asked))["status"] == "completed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "model",
        "input",
        "instructions",
        "conversation",
        "previous_response_id",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "metadata",
        "include",
        "stream",
        "store",
    ]
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "item_reference"])},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "robot"]) | JSON,
        "content": st.text() | st.lists(st.fixed_dictionaries({"type": st.just("input_text"), "text": JSON})) | JSON,
        "call_id": st.text(max_size=3),
        "name": st.text(max_size=3),
        "arguments": JSON,
        "output": JSON,
        "summary": JSON,
    },
)
TOOLS = st.fixed_dictionaries(
    {"type": st.just("function"), "name": st.just("f"), "parameters": st.dictionaries(st.text(max_size=4), JSON)}
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(FIELDS, JSON, max_size=3),
    items=st.none() | st.lists(ITEMS, min_size=1, max_size=3),
    tools=st.none() | st.lists(TOOLS, max_size=2),
)
async def test_no_document_gives_a_500(
    alice: Responder, fields: dict[str, Any], items: list[Any] | None, tools: list[Any] | None
) -> None:
    document = {"model": MODEL, "input": items or "words 1", **({"tools": tools} if tools else {}), **fields}

    async with alice.post(json.dumps(document).encode()) as response:
        await response.read()

    assert response.status < 500
