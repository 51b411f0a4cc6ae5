"""What requests to the Responses API may say, what they become, and what is told where they are wrong."""

from typing import Any

import orjson
import pytest

from lambdas.chat.origin import Origin
from lambdas.chat.responses.requests import to_counted_turn, to_turn
from lambdas.chat.responses.schemas import CreateResponseBody, PromptBody
from parley.accounts.model import Identity
from parley.conversations.model import FunctionCall, FunctionCallOutput, Message, Reasoning, Role
from parley.edge.bodies import parse_body
from parley.errors import ChatError
from parley.ids import UserId, new_uuid, parse_conversation_id, parse_response_id
from parley.models.model import Model
from parley.models.service import Catalogue
from parley.turns.model import ChatTurn, Idempotency, TurnInput

MODEL = Model("small", 1024, 1, "tests")
USER_ID = UserId(new_uuid())
ORIGIN = Origin(Idempotency(b"hash"), "request")
LIMIT_BYTES = 100
CONVERSATION = f"conv_{'a' * 32}"
RESPONSE = f"resp_{'b' * 32}"
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "default": None}}
SCHEMA = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}


ASKER = Identity(USER_ID)


def a_catalogue(model: Model = MODEL) -> Catalogue:
    async def read() -> list[Model]:
        return [model]

    return Catalogue(read)


async def turn_of(**fields: Any) -> ChatTurn:
    body = parse_body(CreateResponseBody, orjson.dumps({"model": "small", "input": "hi", **fields}))
    return await to_turn(body, ASKER, a_catalogue(), LIMIT_BYTES, ORIGIN)


async def input_of(**fields: Any) -> TurnInput:
    turn = await turn_of(**fields)
    assert turn.input is not None
    return turn.input


async def contents_of(*items: Any) -> tuple[Any, ...]:
    return (await input_of(input=list(items))).contents


async def test_a_text_is_a_message_of_the_user() -> None:
    turn = await turn_of(input="hi", instructions="be brief", max_output_tokens=9)

    assert turn.input == TurnInput((Message(Role.USER, ("hi",)),))
    assert (turn.instructions, turn.max_tokens, turn.model, turn.user_id) == ("be brief", 9, MODEL, USER_ID)
    assert (turn.is_stored, turn.is_background, turn.parameters) == (True, False, {})
    assert (turn.idempotency, turn.request_id) == (ORIGIN.idempotency, ORIGIN.request_id)


async def test_items_are_taken_as_clients_send_them_back() -> None:
    text = {"type": "output_text", "text": "sunny", "annotations": [], "logprobs": [{"token": "sunny", "logprob": 0.0}]}

    contents = await contents_of(
        {"role": "developer", "content": "be brief"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": t} for t in ("a", "b")]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": None},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}], "status": None},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c", "output": "sun"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "sun"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [text],
            "phase": None,
        },
    )

    assert contents == (
        Message(Role.DEVELOPER, ("be brief",)),
        Message(Role.USER, ("a", "b")),
        Reasoning(""),
        Reasoning("hm"),
        FunctionCall("c", "f", "{}"),
        FunctionCallOutput("c", "sun"),
        FunctionCallOutput("c", "sun"),
        Message(Role.ASSISTANT, ("sunny",)),
    )


async def test_what_came_before_is_named_one_way_or_the_other() -> None:
    conversation_id = parse_conversation_id(CONVERSATION)

    assert (await input_of(conversation=CONVERSATION)).conversation_id == conversation_id
    assert (await input_of(conversation={"id": CONVERSATION})).conversation_id == conversation_id
    assert (await input_of(previous_response_id=RESPONSE)).previous_response_id == parse_response_id(RESPONSE)
    assert not (await input_of(previous_response_id=RESPONSE, store=False)).is_stored
    assert (await input_of()).may_truncate
    assert not (await input_of(truncation="disabled")).may_truncate


async def test_tools_and_forms_are_told_to_engines_as_chat_completions_have_them() -> None:
    turn = await turn_of(
        tools=[TOOL],
        tool_choice={"type": "function", "name": "weather"},
        text={"format": SCHEMA},
        reasoning={"effort": "low", "summary": "auto"},
    )

    assert turn.parameters == {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": TOOL["parameters"]}}],
        "parallel_tool_calls": True,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
        },
        "reasoning_effort": "low",
    }


async def test_sampling_parameters_go_to_the_engine_as_they_came() -> None:
    sampling = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "user": "u",
    }

    assert (await turn_of(**sampling)).parameters == sampling
    assert (await turn_of(text={"format": {"type": "json_object"}})).parameters == {
        "response_format": {"type": "json_object"}
    }


@pytest.mark.parametrize(
    ("asked", "parameters"),
    [
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"top_logprobs": 0, "include": ["reasoning.encrypted_content"]}, {}),
    ],
)
async def test_log_probabilities_are_asked_for_by_include_or_by_their_number(
    asked: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert (await turn_of(**asked)).parameters == parameters


@pytest.mark.parametrize(
    "asked",
    [
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}},
        {"tool_choice": "auto"},
        {"tool_choice": "none", "tools": []},
        {"service_tier": "auto", "max_tool_calls": 3, "stream_options": {"include_obfuscation": False}},
        {"store": True, "background": False, "stream": None, "conversation": None},
    ],
)
async def test_what_asks_for_what_happens_anyway_changes_nothing(asked: dict[str, Any]) -> None:
    assert (await turn_of(**asked)).parameters == {}


async def test_a_response_can_say_all_that_was_asked_of_it() -> None:
    asked: dict[str, Any] = {
        "temperature": 0.5,
        "metadata": {"a": "b"},
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "text": {"format": SCHEMA},
        "reasoning": {"effort": "low"},
        "truncation": "disabled",
        "top_k": 5,
    }

    turn = await turn_of(**asked, tools=[TOOL], instructions="be brief", include=["message.output_text.logprobs"])

    assert turn.request == {**asked, "tools": [{**TOOL, "description": None, "strict": None}]}
    assert (await turn_of(text={"verbosity": "medium"})).request == {
        "text": {"format": {"type": "text"}, "verbosity": "medium"}
    }


async def test_what_is_only_counted_may_name_no_model_and_say_nothing() -> None:
    body = parse_body(PromptBody, orjson.dumps({"conversation": CONVERSATION, "tools": [TOOL]}))

    turn = await to_counted_turn(body, ASKER, a_catalogue(), LIMIT_BYTES)

    assert turn.input is not None
    assert (turn.model, turn.input.contents, turn.is_stored) == (MODEL, (), False)
    assert turn.input.conversation_id == parse_conversation_id(CONVERSATION)
    assert "tools" in turn.parameters


def item(**fields: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": "hi", **fields}]}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"model": None}, "invalid_request", "model"),
    ({"model": "other"}, "model_not_found", "model"),
    ({"input": None}, "invalid_request", "input"),
    ({"input": ""}, "invalid_request", "input"),
    ({"input": " \n"}, "invalid_request", "input"),
    ({"input": []}, "invalid_request", "input"),
    ({"input": 5}, "invalid_request", "input"),
    ({"input": [5]}, "invalid_request", "input[0]"),
    ({"input": "x" * 101}, "request_too_large", "input"),
    ({"instructions": "x" * 101}, "request_too_large", "instructions"),
    (item(content=""), "invalid_request", "input[0]"),
    (item(content=[]), "invalid_request", "input[0].content"),
    (item(content="x" * 101), "request_too_large", "input[0]"),
    (item(role="tool"), "invalid_request", "input[0].role"),
    (item(name="ada"), "unsupported_parameter", "input[0].name"),
    (item(phase="commentary"), "invalid_request", "input[0].phase"),
    (item(type="item_reference"), "invalid_request", "input[0]"),
    (item(type="web_search_call"), "invalid_request", "input[0]"),
    (item(content=[{"type": "input_image", "image_url": "x"}]), "invalid_request", "input[0].content[0].type"),
    (item(content=[{"type": "input_file", "file_id": "x"}]), "invalid_request", "input[0].content[0].type"),
    (item(content=[{"type": "refusal", "refusal": "x"}]), "invalid_request", "input[0].content[0].type"),
    (
        item(content=[{"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}]}]),
        "invalid_request",
        "input[0].content[0].annotations",
    ),
    (
        {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]},
        "invalid_request",
        "input[0].encrypted_content",
    ),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "invalid_request", "input[0].arguments"),
    ({"stream": "yes"}, "invalid_request", "stream"),
    ({"stream_options": {"include_obfuscation": True}}, "invalid_request", "stream_options.include_obfuscation"),
    ({"background": True, "store": False}, "invalid_request", "background"),
    ({"conversation": CONVERSATION, "store": False}, "invalid_request", "store"),
    ({"conversation": CONVERSATION, "previous_response_id": RESPONSE}, "invalid_request", "previous_response_id"),
    ({"conversation": "conv_1"}, "not_found", "conversation"),
    ({"conversation": {"id": "conv_1"}}, "not_found", "conversation"),
    ({"conversation": 5}, "invalid_request", "conversation"),
    ({"previous_response_id": "resp_1"}, "not_found", "previous_response_id"),
    ({"metadata": {str(n): "x" for n in range(17)}}, "invalid_request", "metadata"),
    ({"metadata": {"a": "x" * 513}}, "invalid_request", "metadata.a"),
    ({"max_output_tokens": 0}, "invalid_request", "max_output_tokens"),
    ({"truncation": "middle"}, "invalid_request", "truncation"),
    ({"text": {"format": {"type": "xml"}}}, "invalid_request", "text.format"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "invalid_request", "text.format.schema"),
    ({"text": {"verbosity": "low"}}, "invalid_request", "text.verbosity"),
    ({"tools": [{"type": "web_search"}]}, "invalid_request", "tools[0].type"),
    ({"tools": [TOOL, {"type": "mcp", "server_label": "x"}]}, "invalid_request", "tools[1].type"),
    ({"tools": [{**TOOL, "name": "x" * 65}]}, "invalid_request", "tools[0].name"),
    (
        {"tools": [{**TOOL, "parameters": {"maximum": 10**9}, "defer_loading": True}]},
        "unsupported_parameter",
        "tools[0].defer_loading",
    ),
    ({"tool_choice": "required"}, "invalid_request", "tool_choice"),
    ({"tool_choice": {"type": "function", "name": "f"}, "tools": [TOOL]}, "invalid_request", "tool_choice"),
    ({"tool_choice": {"type": "allowed_tools"}}, "invalid_request", "tool_choice.type"),
    ({"reasoning": {"effort": "some"}}, "invalid_request", "reasoning.effort"),
    ({"reasoning": {"summary": "detailed"}}, "invalid_request", "reasoning.summary"),
    ({"reasoning": {"generate_summary": "auto"}}, "unsupported_parameter", "reasoning.generate_summary"),
    ({"temperature": 3}, "invalid_request", "temperature"),
    ({"top_logprobs": 21}, "invalid_request", "top_logprobs"),
    ({"include": ["everything"]}, "invalid_request", "include[0]"),
    ({"service_tier": "flex"}, "invalid_request", "service_tier"),
    *[
        ({name: value}, "unsupported_parameter", name)
        for name, value in {
            "prompt": {"id": "p"},
            "prompt_cache_key": "k",
            "prompt_cache_retention": "24h",
            "safety_identifier": "s",
            "context_management": [],
            "moderation": {},
            "messages": [],
            "n": 1,
        }.items()
    ],
]


@pytest.mark.parametrize(("fields", "code", "param"), BAD)
async def test_a_bad_request_is_told_which_field_is_wrong(fields: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(ChatError) as refused:
        await turn_of(**fields)

    assert (refused.value.code, refused.value.param) == (code, param), refused.value.message


async def test_a_number_that_cannot_be_passed_on_is_refused() -> None:
    tool = b'{"type":"function","name":"f","parameters":{"maximum":100000000000000000000000000}}'

    with pytest.raises(ChatError) as refused:
        parse_body(CreateResponseBody, b'{"model":"small","input":"hi","tools":[' + tool + b"]}")

    assert refused.value.param == "tools[0].parameters"
