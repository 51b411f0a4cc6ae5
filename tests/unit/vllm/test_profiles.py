"""The profiles agree with the stages that name them. Whether vLLM takes their options, tests/vllm asks vLLM itself."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpu_workers.vllm.settings import PROFILES

STAGES = Path(__file__).parents[3] / "cdk" / "stages"
ALL = sorted(path.stem for path in PROFILES.glob("*.yaml"))


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROFILES / f"{name}.yaml").read_text())


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((STAGES / name).read_text())


def served() -> list[Any]:
    """A stage's pool and a model on it: stage, pool, table of the pool, entry of the model."""
    return [
        pytest.param(pools[model["pool"]], model, id=f"{stage}-{model['name']}")
        for stage in ("dev", "prod")
        for pools in [toml(f"{stage}.toml").get("pools", {})]
        for model in toml(f"{stage}.models.toml")["models"]
        if model["pool"] in pools
    ]


def test_there_is_a_profile_for_each_kind_of_model() -> None:
    assert ALL == ["balanced", "custom", "fast", "quality"]


@pytest.mark.parametrize(("pool", "model"), served())
def test_a_profile_has_the_context_and_the_gpus_of_its_pool(pool: dict[str, Any], model: dict[str, Any]) -> None:
    options = profile(pool["profile"])

    assert options["max-model-len"] == model["context_tokens"]
    assert options["tensor-parallel-size"] == pool["gpus_per_replica"]


@pytest.mark.parametrize(("pool", "model"), served())
def test_a_profile_loads_the_weights_that_the_catalogue_names(pool: dict[str, Any], model: dict[str, Any]) -> None:
    options = profile(pool["profile"])

    assert (options.get("quantization") == "awq_marlin") == model["source"].endswith("-AWQ")
    assert options["load-format"] == "runai_streamer"


@pytest.mark.parametrize(("pool", "model"), served())
def test_a_pool_has_adapters_only_with_a_profile_that_takes_them(pool: dict[str, Any], model: dict[str, Any]) -> None:
    assert profile(pool["profile"]).get("enable-lora", False) or not model.get("adapters")


@pytest.mark.parametrize(("pool", "model"), served())
def test_a_profile_parses_what_the_catalogue_promises(pool: dict[str, Any], model: dict[str, Any]) -> None:
    options = profile(pool["profile"])

    assert ("tools" in model["capabilities"]) == options["enable-auto-tool-choice"]
    assert ("reasoning" in model["capabilities"]) == ("reasoning-parser" in options)


@pytest.mark.parametrize("name", ALL)
def test_no_profile_logs_what_people_say(name: str) -> None:
    options = profile(name)

    assert options["enable-log-requests"] is False
    assert "enable-log-outputs" not in options


@pytest.mark.parametrize("name", ALL)
def test_a_profile_says_what_was_cached_and_bounds_its_queue(name: str) -> None:
    options = profile(name)

    assert options["enable-prefix-caching"]
    assert options["enable-prompt-tokens-details"]
    assert options["max-num-queued-reqs"] == 4 * options["max-num-seqs"]


@pytest.mark.parametrize("name", ALL)
def test_what_the_entrypoint_says_is_in_no_profile(name: str) -> None:
    assert not profile(name).keys() & {"model", "served-model-name", "host", "port", "lora-modules"}


def test_profiles_differ_only_in_what_follows_from_their_model() -> None:
    sized = {"max-model-len", "tensor-parallel-size", "max-num-seqs", "max-num-queued-reqs", "quantization", "dtype"}
    adapters = {"enable-lora", "max-loras", "max-cpu-loras", "max-lora-rank"}
    shared = [{k: v for k, v in profile(name).items() if k not in sized | adapters} for name in ALL]

    assert all(each == shared[0] for each in shared)
