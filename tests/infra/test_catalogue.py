"""The catalogue and the stage's file name the same pools, or nothing is synthesised; and the functions read the same file."""

import shutil
from pathlib import Path

import pytest

from cdk.catalogue import Catalogue, load_catalogue
from cdk.config import STAGES, STAGES_FOLDER, ConfigError, Stage, load_config
from parley.models import catalogue as runtime

_PARTNER = """
[pools.partner]
dialect = "openai"
url = "https://api.example.com/v1"
api_key_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:partner-AbCdEf"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the stages' files that a test may spoil."""
    return Path(shutil.copytree(STAGES_FOLDER, tmp_path / "stages"))


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _load(folder: Path, stage: str, profiles: Path | None = None) -> Catalogue:
    config = load_config(stage, folder)
    return load_catalogue(config, folder, profiles) if profiles else load_catalogue(config, folder)


def _refusal(folder: Path, profiles: Path | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        _load(folder, "dev", profiles)
    return str(error.value)


@pytest.mark.parametrize("stage", STAGES)
def test_the_functions_find_the_models_of_every_pool_in_the_same_file(stage: Stage) -> None:
    ours = load_catalogue(load_config(stage))
    theirs = runtime.load_catalogue(STAGES_FOLDER / f"{stage}.models.toml", stage)

    served = {(each.name, each.pool, each.context_tokens) for each in theirs.models}
    assert {(each.name, each.pool, each.context_tokens) for each in ours.models.values()} <= served
    assert {each.pool for each in theirs.models} >= ours.models.keys()


def test_a_pool_serves_its_model_at_a_revision(folder: Path) -> None:
    _change(folder / "dev.models.toml", "0" * 40, "a" * 40)

    assert _load(folder, "dev").models["fast"].path() == f"models/qwen3-8b/{'a' * 40}"


def test_adapters_come_with_their_model(folder: Path) -> None:
    with (folder / "prod.models.toml").open("a") as file:
        file.write(f'support-tone = {{ source = "example/support-tone", revision = "{"b" * 40}" }}\n')

    paths = _load(folder, "prod").models["custom"].adapter_paths()

    assert paths == {"support-tone": f"adapters/support-tone/{'b' * 40}"}


def test_the_keys_of_other_servers_are_found(folder: Path) -> None:
    _change(folder / "dev.models.toml", "[[models]]", f"{_PARTNER}\n[[models]]")

    (arn,) = _load(folder, "dev").secret_arns

    assert arn.endswith(":secret:partner-AbCdEf")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("dev.toml", "[pools.fast]", "[pools.slow]", "pools.fast: has no url"),
        ("dev.toml", "[pools.fast]", "[pools.slow]", "pools.slow: is a pool of dev.toml"),
        (
            "dev.models.toml",
            'dialect = "vllm"',
            'url = "https://api.example.com/v1"',
            "pools.fast: is a pool of dev.toml",
        ),
        ("dev.models.toml", 'pool = "fast"', 'pool = "slow"', "pools.fast: must serve one model, not 0"),
        ("dev.models.toml", "0" * 40, "main", "revision: "),
        ("dev.models.toml", "0" * 40, '"', "dev.models.toml: "),
        ("dev.models.toml", "context_tokens = 16384", "", "context_tokens: "),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, file: str, old: str, new: str, said: str) -> None:
    _change(folder / file, old, new)

    refusal = _refusal(folder)

    assert refusal.startswith("dev.models.toml: ")
    assert said in refusal


def test_a_pool_that_would_serve_two_models_is_refused(folder: Path) -> None:
    text = (folder / "dev.models.toml").read_text()
    (folder / "dev.models.toml").write_text(text + text[text.index("[[models]]") :].replace("qwen3-8b", "another"))

    assert "pools.fast: must serve one model, not 2" in _refusal(folder)


def test_a_profile_that_is_not_there_is_named(folder: Path) -> None:
    assert "models.qwen3-8b: there is no profile fast.yaml" in _refusal(folder, folder)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("max-model-len: 8192", "context_tokens is 16384, and fast.yaml has max-model-len: 8192"),
        ("max-model-len: 16384\ntensor-parallel-size: 2", "gpus_per_replica is 1"),
        ("tensor-parallel-size: 1", "max-model-len: None"),
        (
            "max-model-len: 16384\nmax-num-seqs: 31",
            "target_running_per_replica is 32, and fast.yaml has max-num-seqs: 31",
        ),
    ],
)
def test_a_profile_that_serves_something_else_is_refused(folder: Path, profile: str, said: str) -> None:
    profiles = folder.parent
    (profiles / "fast.yaml").write_text(profile)

    assert said in _refusal(folder, profiles)
