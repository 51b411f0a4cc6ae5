"""What the entrypoint makes of its environment."""

import json
from pathlib import Path

import pytest

from gpu_workers.vllm.adapters import Adapter, parse_adapters
from gpu_workers.vllm.command import build_command
from gpu_workers.vllm.errors import StartError
from gpu_workers.vllm.settings import PROFILES, Settings, read_settings

NEEDED = {"PROFILE": "custom", "MODEL_NAME": "m", "MODEL_URI": "s3://store/models/m/1"}


def test_what_is_not_set_has_its_default() -> None:
    settings = read_settings({**NEEDED, "ADAPTERS": "", "PORT": ""})

    assert settings == Settings(PROFILES / "custom.yaml", "m", "s3://store/models/m/1")
    assert (settings.port, settings.ready_port) == (8000, 8001)


def test_what_is_set_is_read() -> None:
    adapters = {"tone": "s3://store/adapters/tone/1"}
    settings = read_settings(
        {**NEEDED, "ADAPTERS": json.dumps(adapters), "DRAIN_TIMEOUT_S": "40", "EXTRA_ARGS": "-a 'b c'"}
    )

    assert settings.adapters == adapters
    assert settings.drain_timeout_s == 40
    assert settings.extra_args == ("-a", "b c")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROFILE", "../fast"),
        ("MODEL_URI", "Qwen/Qwen3-8B"),
        ("MODEL_URI", ""),
        ("ADAPTERS", "tone"),
        ("ADAPTERS", '["s3://store/tone"]'),
        ("ADAPTERS", '{"tone": "/mnt/tone"}'),
        ("DRAIN_TIMEOUT_S", "-1"),
        ("DRAIN_TIMEOUT_S", "nan"),
        ("PORT", "http"),
        ("EXTRA_ARGS", "'"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(StartError, match=rf"^{name}: "):
        read_settings({**NEEDED, name: value})


def test_adapters_are_served_under_their_names() -> None:
    settings = read_settings(NEEDED)

    command = build_command(settings, {"b": Path("/mnt/b"), "a": Path("/mnt/a")})

    modules = [json.loads(each) for each in command[command.index("--lora-modules") + 1 :]]
    assert modules == [
        {"name": "a", "path": "/mnt/a", "base_model_name": "m"},
        {"name": "b", "path": "/mnt/b", "base_model_name": "m"},
    ]


def test_extra_arguments_come_last_so_that_they_win() -> None:
    settings = read_settings({**NEEDED, "EXTRA_ARGS": "--max-num-seqs 2"})

    assert build_command(settings, {"a": Path("/mnt/a")})[-2:] == ["--max-num-seqs", "2"]


def test_an_adapter_s_uri_is_taken_apart() -> None:
    assert parse_adapters({"tone": "s3://store/adapters/tone/1/"}) == [Adapter("tone", "store", "adapters/tone/1")]


@pytest.mark.parametrize("uri", ["s3://store", "s3://store/", "s3://store/../../etc"])
def test_an_adapter_s_uri_leads_to_a_folder_below_the_weights(uri: str) -> None:
    with pytest.raises(StartError, match="tone"):
        parse_adapters({"tone": uri})
