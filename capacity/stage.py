"""What the plan reads of a stage: its file, the models of its pools, and the limits of their vLLM profiles."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from capacity.facts import Facts, Figure, given
from capacity.gpu import EngineLimits, Replica, build_replica, default_limits
from cdk.config import STAGES_FOLDER, ConfigError, PoolConfig, StageConfig, load_config

PROFILES = Path(__file__).parent.parent / "gpu_workers" / "vllm" / "profiles"


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of the stage, the model that it serves, and what one replica of it is."""

    name: str
    model: str
    context_tokens: int
    config: PoolConfig
    limits: EngineLimits
    replica: Replica


@dataclass(frozen=True, slots=True)
class _Model:
    source: str
    context_tokens: int


@dataclass(frozen=True, slots=True)
class StageFiles:
    """A stage as its files have it. Figures of it name the file."""

    config: StageConfig
    folder: Path
    pools: tuple[Pool, ...]

    def figure(self, name: str, value: float, unit: str) -> Figure:
        return stage_figure(self.config, name, value, unit)


def stage_figure(config: StageConfig, name: str, value: float, unit: str) -> Figure:
    """A number of `cdk/stages/<stage>.toml`."""
    return given(name, value, unit, f"cdk/stages/{config.stage}.toml", "configuration")


def read_stage(facts: Facts, stage: str, folder: Path = STAGES_FOLDER, profiles: Path = PROFILES) -> StageFiles:
    """Raises: ConfigError for what is wrong in the files; FactError for a model or an instance that facts.toml does not know."""
    config = load_config(stage, folder)
    models = _read_models(config, folder)
    pools = []
    for name, pool in config.pools.items():
        if name not in models:
            raise ConfigError(f"{stage}.models.toml: no model is served by pool {name}")
        limits = read_profile(facts, profiles / f"{pool.profile}.yaml")
        gpus = stage_figure(config, f"pools.{name}.gpus_per_replica", pool.gpus_per_replica, "GPUs")
        gpu = facts.text("instance", pool.instance_type, "gpu")
        replica = build_replica(facts, models[name].source, gpu, gpus, limits)
        pools.append(Pool(name, models[name].source, models[name].context_tokens, pool, limits, replica))
    return StageFiles(config, folder, tuple(pools))


def _read_models(config: StageConfig, folder: Path) -> dict[str, _Model]:
    """The model that each pool serves. The stage's file of models is checked in full by whoever deploys it."""
    file = folder / f"{config.stage}.models.toml"
    try:
        models = tomllib.loads(file.read_text())["models"]
        own = [each for each in models if each["pool"] in config.pools]
        return {each["pool"]: _Model(each["source"], each["context_tokens"]) for each in own}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file.name}: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{file.name}: {error} is missing") from error


def read_profile(facts: Facts, file: Path) -> EngineLimits:
    """What a profile of vLLM says of these three, else vLLM's defaults. A profile has one `key: value` a line."""
    usual = default_limits(facts)
    if not file.is_file():
        return usual
    said = dict(re.findall(r"^([a-z-]+):\s*([0-9.]+)", file.read_text(), re.MULTILINE))
    where = f"gpu_workers/vllm/profiles/{file.name}"

    def limit(key: str, unless: Figure) -> Figure:
        return given(key, float(said[key]), unless.unit, where, "configuration") if key in said else unless

    return EngineLimits(
        limit("max-num-seqs", usual.max_num_seqs),
        limit("max-num-batched-tokens", usual.max_num_batched_tokens),
        limit("gpu-memory-utilization", usual.gpu_memory_utilization),
    )
