"""What the stacks need of a stage's model catalogue; the functions read the same file in full (parley.models.catalogue)."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cdk.config import STAGES_FOLDER, ConfigError, PoolConfig, StageConfig, name_problems

PROFILES = Path(__file__).parent.parent / "gpu_workers" / "vllm" / "profiles"

Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class _Table(BaseModel):
    """What a table has beside these keys is the functions' to check."""

    model_config = ConfigDict(frozen=True)


class _Pool(_Table):
    url: str | None = None
    api_key_secret_arn: str | None = None


class _Adapter(_Table):
    revision: Revision


class Model(_Table):
    """What a pool of the stage serves: one model, and adapters to it."""

    name: str
    pool: str
    revision: Revision
    context_tokens: Annotated[int, Field(ge=256)]
    adapters: dict[str, _Adapter] = {}

    def path(self) -> str:
        """Where its weights are in the model store."""
        return f"models/{self.name}/{self.revision}"

    def adapter_paths(self) -> dict[str, str]:
        return {name: f"adapters/{name}/{each.revision}" for name, each in self.adapters.items()}


class _Document(_Table):
    pools: dict[str, _Pool]
    models: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`models` by the pool of the stage that serves each; `secret_arns` hold the keys of other servers."""

    file: Path
    models: Mapping[str, Model]
    secret_arns: tuple[str, ...]


def load_catalogue(config: StageConfig, folder: Path = STAGES_FOLDER, profiles: Path = PROFILES) -> Catalogue:
    """The catalogue beside the stage's file. Raises: ConfigError with one line for each thing the two disagree on."""
    file = folder / f"{config.stage}.models.toml"
    try:
        document = _Document.model_validate(tomllib.loads(file.read_text()))
        own = {name for name, pool in document.pools.items() if pool.url is None}
        models = [Model.model_validate(each) for each in document.models if each.get("pool") in own]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file.name}: {error}") from error
    except ValidationError as error:
        raise name_problems(file, error) from error
    problems = [*_check_pools(config, own, models), *_check_profiles(config, models, profiles)]
    if problems:
        raise ConfigError("\n".join(f"{file.name}: {each}" for each in problems))
    secrets = {pool.api_key_secret_arn for pool in document.pools.values() if pool.api_key_secret_arn}
    return Catalogue(file, {each.pool: each for each in models}, tuple(sorted(secrets)))


def _check_pools(config: StageConfig, own: set[str], models: list[Model]) -> Iterator[str]:
    for name in sorted(own - config.pools.keys()):
        yield f"pools.{name}: has no url, and {config.stage}.toml has no such pool"
    for name in sorted(config.pools.keys() - own):
        yield f"pools.{name}: is a pool of {config.stage}.toml, and missing here or with a url"
    for name in sorted(own):
        serves = [each.name for each in models if each.pool == name]
        if len(serves) != 1:
            yield f"pools.{name}: must serve one model, not {len(serves)}"


def _check_profiles(config: StageConfig, models: list[Model], folder: Path) -> Iterator[str]:
    for model in models:
        if pool := config.pools.get(model.pool):
            yield from _check_profile(model, pool, folder / f"{pool.profile}.yaml")


def _check_profile(model: Model, pool: PoolConfig, file: Path) -> Iterator[str]:
    if not file.is_file():
        yield f"models.{model.name}: there is no profile {file.name}"
        return
    profile = yaml.safe_load(file.read_text())
    for key, ours, value in (
        ("max-model-len", "context_tokens", model.context_tokens),
        ("tensor-parallel-size", "gpus_per_replica", pool.gpus_per_replica),
    ):
        # vLLM takes one GPU where none is named, and the longest context that the model can.
        if profile.get(key, 1 if key == "tensor-parallel-size" else None) != value:
            yield f"models.{model.name}: {ours} is {value}, and {file.name} has {key}: {profile.get(key)}"
    # A worker never runs more than that: the mean would stay below, and the pool would not grow. Without it vLLM's own holds.
    most, wanted = profile.get("max-num-seqs"), pool.target_running_per_replica
    if most is not None and wanted > most:
        yield f"models.{model.name}: target_running_per_replica is {wanted}, and {file.name} has max-num-seqs: {most}"
