"""The task's environment, read once."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpu_workers.vllm.errors import StartError

PROFILES = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field but `profile` is the variable of its name in capitals; PROFILE names a file of `profiles`.

    `drain_timeout_s` must stay 15 s under the task's stop timeout, after which ECS kills whatever still runs. `drain_delay_s`
    is how long the registrar gets to see that this replica is not ready any more, and the router to send nothing new.
    """

    profile: Path
    model_name: str
    model_uri: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    weights_dir: Path = Path("/mnt/weights")
    drain_timeout_s: float = 280
    drain_delay_s: float = 5
    port: int = 8000
    ready_port: int = 8001
    extra_args: tuple[str, ...] = ()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """An empty variable counts as unset. Raises: StartError with one line for each that is missing or wrong."""
    values: dict[str, Any] = {}
    problems = []
    for name, parse in _PARSERS.items():
        text = environ.get(name, "")
        if text or name in _REQUIRED:
            try:
                values[name.lower()] = parse(text)
            except ValueError as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise StartError("\n".join(problems))
    return Settings(**values)


def _profile(name: str) -> Path:
    known = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    if name not in known:
        raise ValueError(f"must be one of {', '.join(known)}, as `profile` of the pool in cdk/stages/STAGE.toml")
    return PROFILES / f"{name}.yaml"


def _model_name(name: str) -> str:
    if not name:
        raise ValueError("must be the model's name in the catalogue (cdk/stages/STAGE.models.toml), as requests say it")
    return name


def _model_uri(uri: str) -> str:
    if not uri.startswith("s3://") and not (uri and Path(uri).is_dir()):
        raise ValueError(
            "must be s3://BUCKET/models/MODEL/REVISION, where `parley models push` put it, or a folder here"
        )
    return uri


def _adapters(text: str) -> Mapping[str, str]:
    try:
        adapters = json.loads(text)
    except json.JSONDecodeError:
        adapters = None
    if not isinstance(adapters, dict) or not all(
        name and isinstance(uri, str) and uri.startswith("s3://") for name, uri in adapters.items()
    ):
        raise ValueError('must be a JSON object of names and URIs: {"tone": "s3://BUCKET/adapters/tone/REVISION"}')
    return adapters


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 24 * 3600:
        raise ValueError("must be seconds, from 0 to a day")
    return seconds


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "PROFILE": _profile,
    "MODEL_NAME": _model_name,
    "MODEL_URI": _model_uri,
    "ADAPTERS": _adapters,
    "WEIGHTS_DIR": Path,
    "DRAIN_TIMEOUT_S": _seconds,
    "DRAIN_DELAY_S": _seconds,
    "PORT": int,
    "READY_PORT": int,
    "EXTRA_ARGS": lambda text: tuple(shlex.split(text)),
}
_REQUIRED = {"PROFILE", "MODEL_NAME", "MODEL_URI"}
