"""Whatever a client sends is stored or refused by name; nothing is a 500."""

import json
import os
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.history.rest import Api, Caller, texts_of

HI = {"role": "user", "content": "Hi"}
# Read by the slower suite, which looks for longer.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b"not json", id="no json"),
        pytest.param(b'{"title": NaN}', id="NaN"),
        pytest.param(b'{"title": "\xff\xfe"}', id="invalid UTF-8"),
        pytest.param(b'{"title": "\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(rb'{"title": "\ud83d"}', id="a lone high surrogate"),
        pytest.param(rb'{"title": "\ude00 \ud83d"}', id="surrogates the wrong way round"),
        pytest.param(rb'{"metadata": {"\udfff": ""}}', id="a lone surrogate as a key"),
        pytest.param(b'{"title": "a\x00b"}', id="a raw NUL"),
        pytest.param(rb'{"title": "a\u0000b"}', id="an escaped NUL"),
        pytest.param(rb'{"metadata": {"\u0000": ""}}', id="an escaped NUL as a key"),
        pytest.param(rb'{"items": [{"role": "user", "content": "\\\u0000"}]}', id="a NUL behind a backslash"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param(b"[" * 100_000, id="very deep"),
        pytest.param(b'{"title": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, id="very deep and well-formed"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="a string"),
    ],
)
async def test_a_body_that_is_no_object_of_clean_json_is_refused(alice: Caller, body: bytes) -> None:
    path = await alice.create()

    for target in ("/v1/conversations", path, f"{path}/items"):
        reply = await alice.send(target, body)
        assert (reply.status, reply.error["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"title": 7}, "title"),
        ({"title": ""}, "title"),
        ({"title": " \n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": None}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"metadata": {"k" * 65: ""}}, "metadata." + "k" * 65),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"items": {}}, "items"),
        ({"items": [HI] * 21}, "items"),
        ({"items": ["Hi"]}, "items[0]"),
        ({"items": [None]}, "items[0]"),
        ({"items": [HI, {"type": "web_search_call"}]}, "items[1]"),
        ({"items": [HI, {"type": "reasoning"}]}, "items[1].summary"),
        ({"items": [{"type": "reasoning", "summary": ["a"]}]}, "items[0].summary[0]"),
        ({"items": [{"type": "reasoning", "summary": [], "content": "a"}]}, "items[0].content"),
        ({"items": [{"type": "reasoning", "summary": [], "encrypted_content": "a"}]}, "items[0].encrypted_content"),
        ({"items": [{"type": 7}]}, "items[0]"),
        ({"items": [{"content": "Hi"}]}, "items[0].role"),
        ({"items": [{"role": "user"}]}, "items[0].content"),
        ({"items": [{"role": "tool", "content": "Hi"}]}, "items[0].role"),
        ({"items": [{"role": "user", "content": ""}]}, "items[0]"),
        ({"items": [{"role": "user", "content": []}]}, "items[0].content"),
        ({"items": [{"role": "user", "content": 7}]}, "items[0].content"),
        ({"items": [{"role": "user", "content": {"type": "input_text", "text": "Hi"}}]}, "items[0].content"),
        ({"items": [{"role": "user", "content": [7]}]}, "items[0].content[0]"),
        ({"items": [{"role": "user", "content": [{"type": "input_text"}]}]}, "items[0].content[0].text"),
        ({"items": [HI, {"role": "user", "content": [{"type": "input_text", "text": " "}]}]}, "items[1]"),
        ({"items": [HI | {"status": "done"}]}, "items[0].status"),
        ({"items": [HI | {"phase": "commentary"}]}, "items[0].phase"),
        ({"items": [HI | {"id": 7}]}, "items[0].id"),
        ({"items": [{"type": "function_call", "call_id": "c", "name": "", "arguments": ""}]}, "items[0].name"),
        ({"items": [{"type": "function_call", "call_id": "c", "name": "f g", "arguments": ""}]}, "items[0].name"),
        ({"items": [{"type": "function_call", "name": "f", "arguments": ""}]}, "items[0].call_id"),
        ({"items": [{"type": "function_call_output", "call_id": "c", "output": []}]}, "items[0].output"),
    ],
)
async def test_a_wrong_field_is_named(alice: Caller, body: dict[str, Any], param: str) -> None:
    reply = await alice.post("/v1/conversations", body)

    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "invalid_request", param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "gpt"}, "model"),
        ({"items": [HI | {"name": "ada"}]}, "items[0].name"),
        (
            {"items": [{"type": "function_call_output", "call_id": "c", "output": "", "namespace": "n"}]},
            "items[0].namespace",
        ),
        (
            {"items": [{"role": "user", "content": [{"type": "input_text", "text": "a", "detail": "high"}]}]},
            "items[0].content[0].detail",
        ),
    ],
)
async def test_a_field_we_do_not_have_is_named(alice: Caller, body: dict[str, Any], param: str) -> None:
    reply = await alice.post("/v1/conversations", body)

    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "unsupported_parameter", param)


async def test_a_kind_of_content_we_do_not_have_is_named(alice: Caller) -> None:
    image = {"type": "input_image", "image_url": "http://169.254.169.254/"}

    said = await alice.post("/v1/conversations", {"items": [{"role": "user", "content": [image]}]})
    answered = await alice.post(
        "/v1/conversations", {"items": [{"type": "function_call_output", "call_id": "c", "output": [image]}]}
    )

    assert (said.status, said.error["param"]) == (400, "items[0].content[0].type")
    assert (answered.status, answered.error["param"]) == (400, "items[0].output[0].type")


async def test_annotations_that_would_be_lost_are_refused(alice: Caller) -> None:
    cited = {"type": "output_text", "text": "Rome", "annotations": [{"type": "url_citation", "url": "http://a"}]}

    reply = await alice.post("/v1/conversations", {"items": [{"role": "assistant", "content": [cited]}]})

    assert (reply.status, reply.error["param"]) == (400, "items[0].content[0].annotations")


@pytest.mark.parametrize("name", ["include", "include[]"])
@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("message.output_text.logprobs", "unsupported_parameter"),
        ("reasoning.encrypted_content", "unsupported_parameter"),
        ("message.output_text", "invalid_request"),
        ("", "invalid_request"),
        ("\ud7ff\x00", "invalid_request"),
    ],
)
async def test_what_cannot_be_included_is_refused_wherever_items_are_given(
    alice: Caller, name: str, asked: str, code: str
) -> None:
    path = await alice.create_with("Hi")
    item_id = (await alice.get(f"{path}/items")).json["last_id"]
    query = urlencode({name: asked})

    replies = [
        await alice.get(f"{path}/items", **{name: asked}),
        await alice.get(f"{path}/items/{item_id}", **{name: asked}),
        await alice.send(f"{path}/items", orjson.dumps({"items": [HI]}), query),
    ]

    assert [(each.status, each.error["code"], each.error["param"]) for each in replies] == [(400, code, "include")] * 3
    assert texts_of(await alice.get(f"{path}/items")) == ["Hi"]


async def test_adding_no_items_is_refused(alice: Caller) -> None:
    path = await alice.create()

    for body in ({}, {"items": []}, {"items": None}):
        reply = await alice.post(f"{path}/items", body)
        assert (reply.status, reply.error["param"]) == (400, "items")


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "x" * 1001},
        {"role": "user", "content": "é" * 501},
        {"role": "user", "content": [{"type": "input_text", "text": "x" * 501}] * 2},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "x" * 1001},
        {"type": "function_call_output", "call_id": "c", "output": "x" * 1001},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "x" * 1001}]},
    ],
)
async def test_an_item_of_too_many_bytes_is_too_large(alice: Caller, item: dict[str, Any]) -> None:
    path = await alice.create()

    reply = await alice.post(f"{path}/items", {"items": [HI, item]})

    assert (reply.status, reply.error["code"], reply.error["param"]) == (413, "request_too_large", "items[1]")
    assert (await alice.get(f"{path}/items")).json["data"] == []


async def test_an_item_of_just_the_limit_is_kept(alice: Caller) -> None:
    path = await alice.create_with("x" * 1000)

    assert texts_of(await alice.get(f"{path}/items")) == ["x" * 1000]


async def test_nothing_is_kept_of_a_request_that_is_refused(alice: Caller) -> None:
    await alice.post("/v1/conversations", {"items": [HI, {"role": "user", "content": ""}]})

    assert (await alice.get("/v1/conversations")).json["data"] == []


@pytest.mark.parametrize(
    "text", ["\U0001f600", "\\u0000", "\x01\x7f", "\u202e", "\ufffe", "a\u0301", "'; DROP TABLE items; --"]
)
async def test_odd_text_is_kept_to_the_letter(alice: Caller, text: str) -> None:
    path = await alice.create(title=text, metadata={text: text}, items=[{"role": "user", "content": text}])

    conversation = (await alice.get(path)).json
    assert (conversation["title"], conversation["metadata"]) == (text, {text: text})
    assert texts_of(await alice.get(f"{path}/items")) == [text]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
item_fields = {
    "type": st.sampled_from(["message", "function_call", "function_call_output", "reasoning"]) | json_values,
    "role": st.sampled_from(["system", "developer", "user", "assistant"]) | json_values,
    "content": st.text(max_size=30)
    | st.lists(st.fixed_dictionaries({"type": st.just("input_text"), "text": st.text()}))
    | json_values,
    "call_id": st.text(max_size=5) | json_values,
    "name": st.text(max_size=5) | json_values,
    "arguments": st.text(max_size=5) | json_values,
    "output": st.text(max_size=5) | json_values,
    "summary": st.just([]) | json_values,
    "status": st.sampled_from(["completed", "incomplete"]) | json_values,
}
items = st.fixed_dictionaries({}, optional=item_fields) | json_values
bodies = st.fixed_dictionaries(
    {},
    optional={
        "title": st.text(max_size=210) | json_values,
        "metadata": st.dictionaries(st.text(max_size=70), st.text(max_size=20)) | json_values,
        "items": st.lists(items, max_size=3) | json_values,
    },
)


def _as_json(value: object) -> bytes:
    """JSON as any client may write it, lone surrogates included, which orjson refuses to write."""
    return json.dumps(value).encode()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies.map(_as_json) | st.binary(max_size=50), target=st.sampled_from(["", "/{id}", "/{id}/items"]))
async def test_no_body_makes_the_function_fail(alice: Caller, body: bytes, target: str) -> None:
    conversation_id = (await alice.create()).rsplit("/", 1)[1]

    reply = await alice.send("/v1/conversations" + target.format(id=conversation_id), body)

    assert reply.status in {200, 400, 413}
    if reply.status != 200:
        assert reply.error["code"] in {"invalid_request", "unsupported_parameter", "request_too_large"}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.lists(st.text(max_size=40) | st.sampled_from(["items", "conv_" + "0" * 32, "msg_" + "0" * 32]), max_size=4),
    query=st.binary(max_size=40).map(lambda raw: quote_plus(raw, safe="&=").encode()) | st.just(b"after=%00&limit=1"),
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]),
    body=st.sampled_from([b"", b"{}", b'{"title": "a"}', b'{"items": [{"role": "user", "content": "a"}]}']),
)
async def test_no_url_makes_the_function_fail(
    api: Api, alice: Caller, path: list[str], query: bytes, method: str, body: bytes
) -> None:
    # A server decodes the path with replacement characters, so it never holds a surrogate.
    clean = "/".join(["/v1/conversations", *path]).encode(errors="replace").decode()

    reply = await api.call(method, clean, body, query, alice.user_id)

    assert reply.status < 500
    if reply.status >= 400 and method != "HEAD":
        assert orjson.loads(reply.body)["error"]["message"]


async def test_a_raw_query_that_is_not_utf_8_does_not_break_an_unknown_url(api: Api, alice: Caller) -> None:
    reply = await api.call("GET", "/v1/nothing", query=b"a=\xff", user_id=alice.user_id)

    assert (reply.status, reply.error["code"]) == (404, "unknown_url")
