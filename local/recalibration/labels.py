"""What reviewers decided, one JSON object a line: as the API's review.label and `parley reviews export` say it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from parley.moderation.model import Category

# What a classifier that did not answer is called in verdicts.
_AWAY = "away"
_MOST_PROBLEMS = 5


class LabelError(Exception):
    """The labels cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Label:
    """One item that was flagged and decided. `scores` are what the thresholds were held against: the highest of all layers."""

    scores: Mapping[Category, float]
    is_upheld: bool


@dataclass(frozen=True, slots=True)
class Labels:
    """Those that can be compared. `left_out` were scored by a classifier that is not the newest."""

    comparable: Sequence[Label]
    classifier: str | None
    left_out: int


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    review_id: str
    label: Literal["approved", "upheld"]
    scores: dict[Category, Annotated[float, Field(ge=0, le=1)]]
    versions: dict[str, str | None] = {}
    decided_at: int = 0

    @property
    def classifier(self) -> str | None:
        version = self.versions.get("classifier")
        return None if version == _AWAY else version


def read_labels(file: Path) -> Labels:
    """Of one review the last line counts. Raises: LabelError that names lines, without a word of what they are about."""
    try:
        with file.open(encoding="utf-8") as lines:
            parsed = list(_parse(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{file}: {error}") from error
    if not parsed:
        raise LabelError(f"{file} has no labels: nothing was decided yet, or the export ended early.")
    return _comparable({each.review_id: each for each in parsed}.values())


def _parse(lines: Iterable[str]) -> Iterator[_Line]:
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _Line.model_validate_json(line)
        except ValidationError as error:
            problems += [f"line {number}: {_place(each['loc'])}{each['msg']}" for each in error.errors()]
        if len(problems) >= _MOST_PROBLEMS:
            break
    if problems:
        raise LabelError("\n".join(problems[:_MOST_PROBLEMS]))


def _place(where: Sequence[object]) -> str:
    return f"{'.'.join(map(str, where))}: " if where else ""


def _comparable(lines: Iterable[_Line]) -> Labels:
    """Another classifier's 0.7 means something else. What the keywords alone have scored is left in."""
    ordered = sorted(lines, key=lambda each: each.decided_at)
    newest = next((each.classifier for each in reversed(ordered) if each.classifier), None)
    kept = [each for each in ordered if each.classifier in (None, newest)]
    labels = [Label(each.scores, each.label == "upheld") for each in kept]
    return Labels(labels, newest, len(ordered) - len(kept))
