"""Figures that know where they come from: `facts.toml`, and arithmetic that keeps the sources."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

FACTS_FILE = Path(__file__).with_name("facts.toml")

Kind = Literal[
    "list price",
    "published measurement",
    "specification",
    "measured here",
    "model",
    "estimate",
    "configuration",
    "input",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_KINDS: Mapping[str, Kind] = {each: each for each in KINDS}


class FactError(Exception):
    """A figure that is asked for is not in facts.toml, or lacks something there."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number was read, and when."""

    text: str
    date: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Origin:
    """One number as its source has it."""

    name: str
    value: float
    unit: str
    source: Source
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with every origin that it was computed from, in the order they came in."""

    value: float
    unit: str
    origins: tuple[Origin, ...]

    def __mul__(self, other: "Figure | float") -> "Figure":
        value, origins = _parts(other)
        return Figure(self.value * value, self.unit, _joined(self.origins, origins))

    __rmul__ = __mul__

    def __truediv__(self, other: "Figure | float") -> "Figure":
        value, origins = _parts(other)
        return Figure(self.value / value, self.unit, _joined(self.origins, origins))

    def __add__(self, other: "Figure | float") -> "Figure":
        value, origins = _parts(other)
        return Figure(self.value + value, self.unit, _joined(self.origins, origins))

    def __sub__(self, other: "Figure | float") -> "Figure":
        value, origins = _parts(other)
        return Figure(self.value - value, self.unit, _joined(self.origins, origins))

    def of(self, unit: str) -> "Figure":
        """The same number in the unit that an operation led to."""
        return Figure(self.value, unit, self.origins)

    def replaced(self, value: float) -> "Figure":
        """Another number that follows from the same origins: rounded up, bounded, read off a curve."""
        return Figure(value, self.unit, self.origins)


def computed(value: float, unit: str, *bases: Figure) -> Figure:
    """A number that a function of `bases` gave, such as a simulation."""
    return Figure(value, unit, _joined(*(each.origins for each in bases)))


def total(figures: Iterable[Figure], unit: str) -> Figure:
    """Their sum; zero of nothing."""
    every = list(figures)
    return computed(sum(each.value for each in every), unit, *every)


def given(name: str, value: float, unit: str, source: str, kind: Literal["configuration", "input"]) -> Figure:
    """A number of the stage's files or of the command line."""
    origin = Origin(name, value, unit, Source(source, "as it is now", kind))
    return Figure(value, unit, (origin,))


class Facts:
    """`facts.toml`, figures by their path: `facts.figure("gpu", "A100 40 GB", "tflops")`."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables
        self._sources = {key: _read_source(key, entry) for key, entry in tables["sources"].items()}

    def figure(self, *path: str) -> Figure:
        """Raises: FactError naming the table that is missing."""
        entry, name = self._entry(path), ".".join(path)
        if not isinstance(entry, Mapping) or not {"value", "unit", "from"} <= entry.keys():
            raise FactError(f"facts.toml: {name} needs value, unit and from")
        if entry["from"] not in self._sources:
            raise FactError(f"facts.toml: {name} is from {entry['from']!r}, which is not among its sources")
        value, unit = float(entry["value"]), str(entry["unit"])
        return Figure(value, unit, (Origin(name, value, unit, self._sources[entry["from"]], entry.get("note", "")),))

    def text(self, *path: str) -> str:
        """Raises: FactError."""
        entry = self._entry(path)
        if not isinstance(entry, str):
            raise FactError(f"facts.toml: {'.'.join(path)} must be a text")
        return entry

    def has(self, *path: str) -> bool:
        try:
            self._entry(path)
        except FactError:
            return False
        return True

    def names(self, table: str) -> tuple[str, ...]:
        return tuple(self._tables.get(table, {}))

    def every_figure(self) -> list[Figure]:
        """All of them, for whoever checks the file."""
        return [self.figure(*path) for path in _paths(self._tables, ()) if path[0] != "sources"]

    def _entry(self, path: tuple[str, ...]) -> Any:
        entry: Any = self._tables
        for depth, key in enumerate(path):
            if not isinstance(entry, Mapping) or key not in entry:
                known = f"; it knows {', '.join(entry)}" if depth == 1 and isinstance(entry, Mapping) else ""
                raise FactError(f"capacity/facts.toml has no [{'.'.join(path[: depth + 1])}]{known}")
            entry = entry[key]
        return entry


def load_facts(file: Path = FACTS_FILE) -> Facts:
    """Raises: FactError when a source lacks its text, date or kind."""
    return Facts(tomllib.loads(file.read_text()))


def _read_source(key: str, entry: Mapping[str, str]) -> Source:
    kind = _KINDS.get(entry.get("kind", ""))
    if kind is None or not entry.get("source") or not entry.get("date"):
        raise FactError(f"facts.toml: sources.{key} needs a source, a date and one of the kinds {', '.join(KINDS)}")
    return Source(entry["source"], entry["date"], kind)


def _paths(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    for key, entry in table.items():
        if isinstance(entry, Mapping):
            here = (*path, key)
            yield from ([here] if "value" in entry else _paths(entry, here))


def _parts(other: "Figure | float") -> tuple[float, tuple[Origin, ...]]:
    return (other.value, other.origins) if isinstance(other, Figure) else (other, ())


def _joined(*groups: tuple[Origin, ...]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(origin for group in groups for origin in group))
