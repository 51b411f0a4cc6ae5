"""`classifier.toml`: what is in a classifier's folder and how it is read."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from parley.moderation.model import Category
from parley.settings import SettingsError

Point = tuple[float, Annotated[float, Field(gt=0, lt=1)]]
Points = Annotated[list[Point], Field(min_length=2)]
InputMeaning = Literal["ids", "mask", "types"]
_BERT_INPUTS: dict[str, InputMeaning] = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Table):
    """One output of a classifier of labels. `categories` that it speaks for; none for such as `neutral`, which is not read."""

    name: str
    categories: list[Category] = []
    calibration: Points | None = None


class Manifest(_Table):
    """`heads` is ours: an encoder and heads. `labels` is any text classifier; `activation` is how its logits were trained:
    `sigmoid`, each label by itself, or `softmax`, one of them. What a calibration maps are always logits: for `softmax`, of the
    label's probability.
    """

    kind: Literal["heads", "labels"]
    version: Annotated[str, Field(min_length=1)]
    model: str = "model.onnx"
    tokenizer: str = "tokenizer.json"
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = 128
    overlap_tokens: Annotated[int, Field(ge=0)] = 32
    most_windows: Annotated[int, Field(ge=4)] = 64
    inputs: dict[str, InputMeaning] = _BERT_INPUTS
    heads: str = "heads.npz"
    calibrations: dict[str, Points] = {}
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    labels: list[Label] = []


def load_manifest(folder: Path) -> Manifest:
    """Raises: SettingsError with one line a problem."""
    file = folder / "classifier.toml"
    try:
        manifest = Manifest.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file.name}: {error}") from error
    except ValidationError as error:
        problems = [f"{file.name}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise SettingsError("\n".join(problems)) from error
    if manifest.overlap_tokens > (manifest.max_tokens - 2) // 2:
        raise SettingsError(f"{file.name}: overlap_tokens: more than half a window")
    return manifest
