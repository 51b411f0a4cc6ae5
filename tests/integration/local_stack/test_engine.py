"""The embedded engine: OpenAI's routes and llama.cpp's own, on a real model."""

import json
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.parts import EmbeddedEngine, PartError
from local.parts.engine import small_model_file, verified_small_model


@pytest.fixture(scope="module")
def engine(home: Path) -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(home) as server:
        yield server


def call(url: str, body: dict[str, Any] | None = None) -> bytes:
    data = json.dumps(body).encode() if body is not None else None
    with open_url(url, data) as answer:
        return answer.read()


def open_url(url: str, data: bytes | None) -> HTTPResponse:
    request = urllib.request.Request(url, data, {"content-type": "application/json", "connection": "close"})  # noqa: S310
    return urllib.request.urlopen(request, timeout=60)  # noqa: S310


def chat(**extra: Any) -> dict[str, Any]:
    return {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, **extra}


def test_it_names_its_model_and_the_context_of_a_slot(engine: EmbeddedEngine):
    (model,) = json.loads(call(f"{engine.url}/models"))["data"]

    assert model["id"] == engine.model == "smollm2-135m-instruct"
    assert model["meta"]["n_ctx"] == 4096


def test_it_streams_real_tokens_with_their_usage(engine: EmbeddedEngine):
    answer = call(f"{engine.url}/chat/completions", chat(stream=True, stream_options={"include_usage": True})).decode()

    events = [line.removeprefix("data: ") for line in answer.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1]).strip()


def test_four_slots_wait_for_work(engine: EmbeddedEngine):
    slots = json.loads(call(f"{engine.root_url}/slots"))

    assert [slot["n_ctx"] for slot in slots] == [4096] * 4
    assert not any(slot["is_processing"] for slot in slots)


def test_it_counts_tokens_and_applies_the_chat_template(engine: EmbeddedEngine):
    prompt = json.loads(call(f"{engine.root_url}/apply-template", {"messages": chat()["messages"]}))["prompt"]
    tokens = json.loads(call(f"{engine.root_url}/tokenize", {"content": prompt}))["tokens"]

    assert prompt.endswith("<|im_start|>assistant\n")
    assert len(tokens) > 10


def test_it_counts_what_it_does(engine: EmbeddedEngine):
    assert b"llamacpp:requests_processing" in call(f"{engine.root_url}/metrics")


def test_it_listens_on_loopback_only(engine: EmbeddedEngine):
    listeners = [each for each in psutil.Process().children() for each in each.net_connections("tcp")]

    assert {each.laddr.ip for each in listeners if each.laddr.port == engine.port} == {"127.0.0.1"}


def test_it_stops_within_seconds_though_it_is_answering(own_home: Path):
    with EmbeddedEngine(own_home) as server:
        body = json.dumps(chat(stream=True, max_tokens=2000, ignore_eos=True)).encode()
        with open_url(f"{server.url}/chat/completions", body) as answer:
            answer.readline()
            begun = time.monotonic()
            server.__exit__(None, None, None)

    assert time.monotonic() - begun < 3


def test_another_model_is_called_by_the_name_of_its_file(own_home: Path):
    (own_home / "my-model.gguf").symlink_to(small_model_file())

    with EmbeddedEngine(own_home, model_path=own_home / "my-model.gguf") as server:
        (model,) = json.loads(call(f"{server.url}/models"))["data"]

    assert model["id"] == "my-model"


def test_a_file_that_is_no_model_is_told_before_anything_starts(own_home: Path):
    (own_home / "broken.gguf").write_bytes(b"GGUF" + bytes(100))

    with pytest.raises(PartError, match="engine stopped at once"):
        EmbeddedEngine(own_home, model_path=own_home / "broken.gguf").__enter__()


def test_the_checksum_of_the_small_model_is_remembered(own_home: Path):
    memory = own_home / "verified.json"

    path = verified_small_model(memory)

    assert json.loads(memory.read_text())["size_bytes"] == path.stat().st_size
    assert verified_small_model(memory) == path
