"""What a stage's catalogue wants to be in the store: `cdk/stages/STAGE.models.toml`, as far as that needs it."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from local.model_store.errors import StoreError

STAGES = Path(__file__).resolve().parents[2] / "cdk" / "stages"
Kind = Literal["models", "adapters"]
# What stands in the catalogue until someone has pushed the model.
_UNPINNED = "0" * 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model or a LoRA adapter of the catalogue; `source` is its repository on the hub."""

    name: str
    kind: Kind
    source: str
    revision: str

    @property
    def folder(self) -> str:
        """Where the store has its revisions."""
        return f"{self.kind}/{self.name}"

    @property
    def pinned_revision(self) -> str | None:
        """The commit that the stage runs, or None while there is only the placeholder."""
        return self.revision if self.revision not in {"", _UNPINNED} else None


def read_wanted(stage: str, folder: Path = STAGES) -> tuple[Wanted, ...]:
    """All that has a source; what an external provider serves has none. Raises: StoreError."""
    file = folder / f"{stage}.models.toml"
    try:
        catalogue = tomllib.loads(file.read_text())
    except FileNotFoundError as error:
        raise StoreError(f"The stage {stage!r} has no catalogue: {file} is not there.") from error
    except tomllib.TOMLDecodeError as error:
        raise StoreError(f"{file}: {error}") from error
    return tuple(each for model in catalogue.get("models", ()) for each in _of_model(model))


def find_wanted(wanted: Sequence[Wanted], name: str, stage: str) -> Wanted:
    """Raises: StoreError that names those there are."""
    for each in wanted:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in wanted) or "none with a source"
    raise StoreError(f"{stage}.models.toml has no model or adapter {name!r} to bring in. There are: {names}.")


def _of_model(model: Mapping[str, Any]) -> Iterator[Wanted]:
    if "source" in model:
        yield Wanted(model["name"], "models", model["source"], model.get("revision", ""))
    for name, adapter in model.get("adapters", {}).items():
        if "source" in adapter:
            yield Wanted(name, "adapters", adapter["source"], adapter.get("revision", ""))
