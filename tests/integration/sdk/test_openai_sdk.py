"""The official SDK, unchanged, against the whole running product."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.conftest import Stack

MODEL = "smollm2-135m-instruct"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello"}]


def client_of(stack: Stack, user: str, *arguments: str) -> OpenAI:
    return OpenAI(base_url=f"{stack.url}/v1", api_key=stack.token(user, *arguments), max_retries=0, timeout=60)


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Iterator[OpenAI]:
    with client_of(stack, "ada") as client:
        yield client


@pytest.fixture(scope="module")
def bob(stack: Stack) -> Iterator[OpenAI]:
    with client_of(stack, "bob", "--tier", "pro") as client:
        yield client


@pytest.fixture
async def ada_async(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=stack.token("ada"), max_retries=0) as client:
        yield client


def test_a_whole_completion(ada: OpenAI) -> None:
    completion = ada.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12)

    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason in {"stop", "length"}
    assert completion.usage is not None
    assert 0 < completion.usage.completion_tokens <= 12
    assert completion.usage.prompt_tokens > 0


def test_a_streamed_completion(ada: OpenAI) -> None:
    stream = ada.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=12, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-2].choices[0].finish_reason in {"stop", "length"}
    assert chunks[-1].usage is not None


def test_the_streaming_helper_puts_the_same_answer_together(ada: OpenAI) -> None:
    # The helper refuses an answer that was cut at its limit, and the small model rambles: it is made to stop.
    with ada.chat.completions.stream(model=MODEL, messages=HELLO, stop=[" "], temperature=0) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()

    whole = ada.chat.completions.create(model=MODEL, messages=HELLO, stop=[" "], temperature=0)
    assert final.choices[0].message.content == whole.choices[0].message.content


async def test_many_streams_at_once_keep_apart(ada_async: AsyncOpenAI) -> None:
    async def stream(number: int) -> str:
        chunks = await ada_async.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": f"Count from {number}"}], max_tokens=8, stream=True
        )
        ids = {chunk.id async for chunk in chunks}
        assert len(ids) == 1
        return ids.pop()

    assert len(set(await asyncio.gather(*(stream(number) for number in range(6))))) == 6


def test_models_are_listed_and_retrieved(ada: OpenAI) -> None:
    assert [model.id for model in ada.models.list()] == [MODEL]
    assert ada.models.retrieve(MODEL).owned_by
    with pytest.raises(openai.NotFoundError) as caught:
        ada.models.retrieve("gpt-4o")
    assert caught.value.code == "model_not_found"


def test_a_conversation_is_kept_and_continued(ada: OpenAI) -> None:
    conversation = ada.conversations.create(metadata={"topic": "greetings"})
    extra = {"conversation_id": conversation.id}

    for text in ("My name is Ada.", "What is my name?"):
        stream = ada.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": text}], max_tokens=8, stream=True, extra_body=extra
        )
        assert list(stream)

    items = list(ada.conversations.items.list(conversation.id, order="asc"))
    assert [item.role for item in items if item.type == "message"] == ["user", "assistant"] * 2
    assert ada.conversations.retrieve(conversation.id).metadata == {"topic": "greetings"}
    assert ada.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        ada.conversations.retrieve(conversation.id)


def test_items_can_be_paged_one_by_one(ada: OpenAI) -> None:
    conversation = ada.conversations.create(
        items=[{"type": "message", "role": "user", "content": f"message {number}"} for number in range(5)]
    )

    pages = ada.conversations.items.list(conversation.id, order="asc", limit=2)

    texts = [
        part.text for item in pages if item.type == "message" for part in item.content if part.type == "input_text"
    ]
    assert texts == [f"message {number}" for number in range(5)]


def test_another_users_conversation_does_not_exist(ada: OpenAI, bob: OpenAI) -> None:
    conversation = ada.conversations.create()

    with pytest.raises(openai.NotFoundError):
        bob.conversations.retrieve(conversation.id)
    with pytest.raises(openai.NotFoundError):
        bob.conversations.items.list(conversation.id)
    with pytest.raises(openai.NotFoundError):
        bob.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"conversation_id": conversation.id})
    with pytest.raises(openai.NotFoundError):
        bob.conversations.delete(conversation.id)


def test_errors_are_the_sdks_own_kinds(stack: Stack, ada: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        ada.chat.completions.create(model=MODEL, messages=HELLO, temperature=5)
    assert (bad.value.param, bad.value.type) == ("temperature", "invalid_request_error")
    assert bad.value.request_id
    with pytest.raises(openai.NotFoundError) as missing:
        ada.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert missing.value.code == "model_not_found"
    for key in ("nonsense", stack.token("ada")[:-4] + "AAAA"):
        stranger = OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0)
        with stranger, pytest.raises(openai.AuthenticationError) as refused:
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"


def test_a_conversation_that_is_busy_says_so_and_a_retry_gets_through(stack: Stack, ada: OpenAI) -> None:
    conversation = ada.conversations.create()
    extra = {"conversation_id": conversation.id}

    # Two different questions: a retry of the same one would be given the answer that is being written.
    def ask(client: OpenAI, said: str) -> str | None:
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": said}]
        answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=24, extra_body=extra)
        return answer.choices[0].finish_reason

    patient = ada.with_options(max_retries=6)
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(ask, patient, said) for said in ("Say hello", "Say goodbye")]
        reasons = [future.result() for future in futures]

    assert set(reasons) <= {"stop", "length"}
    items = list(ada.conversations.items.list(conversation.id, order="asc"))
    assert [item.role for item in items if item.type == "message"] == ["user", "assistant"] * 2


def test_logprobs_and_json_schema_pass_through(ada: OpenAI) -> None:
    completion = ada.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=5, logprobs=True, top_logprobs=2, temperature=0
    )
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    assert len(logprobs.content[0].top_logprobs) == 2

    schema = {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"], "additionalProperties": False}
    shaped = ada.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        max_tokens=200,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}},
    )
    assert json.loads(shaped.choices[0].message.content or "") == {"n": 7}
