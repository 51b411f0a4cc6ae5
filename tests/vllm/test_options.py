"""vLLM's own parser takes every option of the profiles, and the entrypoint's command line with them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gpu_workers.vllm.command import build_command
from gpu_workers.vllm.settings import PROFILES, Settings
from tests.vllm.conftest import ROOT, VENV

# It stops short of loading a model: what depends on a GPU cannot be tried here.
_PARSE = """
import json, sys
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser

for command in json.loads(sys.argv[1]):
    parser = FlexibleArgumentParser()
    make_arg_parser(parser.add_subparsers().add_parser("serve"))
    arguments = parser.parse_args(command)
    validate_parsed_serve_args(arguments)
    AsyncEngineArgs.from_cli_args(arguments)
    modules = [module.name for module in arguments.lora_modules]
    print("PARSED", json.dumps({**vars(arguments), "lora_modules": modules}, default=str))
"""


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    """What vLLM understood, by profile."""
    names = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    settings = [Settings(PROFILES / f"{name}.yaml", name, "s3://store/models/m/1") for name in names]
    commands = [build_command(each, {"tone": Path("/mnt/tone")})[1:] for each in settings]
    python = subprocess.run(
        [VENV / "bin/python", "-c", _PARSE, json.dumps(commands)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    lines = [line.removeprefix("PARSED ") for line in python.stdout.splitlines() if line.startswith("PARSED ")]
    return dict(zip(names, map(json.loads, lines), strict=True))


@pytest.mark.timeout(200)
def test_each_profile_is_understood(parsed: dict[str, Any]) -> None:
    contexts = {name: said["max_model_len"] for name, said in parsed.items()}

    assert contexts == {"balanced": 16384, "custom": 16384, "fast": 16384, "quality": 32768}


def test_the_entrypoint_s_words_arrive(parsed: dict[str, Any]) -> None:
    custom = parsed["custom"]

    assert custom["model_tag"] == "s3://store/models/m/1"
    assert custom["served_model_name"] == ["custom"]
    assert (custom["host"], custom["port"]) == ("0.0.0.0", 8000)
    assert custom["lora_modules"] == ["tone"]
    assert custom["enable_lora"] is True


def test_what_is_off_is_off(parsed: dict[str, Any]) -> None:
    for said in parsed.values():
        assert said["enable_log_requests"] is False
        assert said["disable_uvicorn_access_log"] is True
        assert said["default_chat_template_kwargs"] == {"enable_thinking": False}
        assert said["speculative_config"] is None
