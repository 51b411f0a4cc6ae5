"""Tables in Markdown, and aligned for the screen; bars that numbers must keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Bar:
    """What a number of the chat function must not exceed, or `at_least` must reach, and what it aims at."""

    limit: float
    aim: float
    at_least: bool = False

    def cell(self, value: float | None) -> str:
        is_missed = value is not None and (value < self.limit if self.at_least else value > self.limit)
        return f"{'≥ ' if self.at_least else ''}{self.limit:g} / {self.aim:g}{' MISSED' if is_missed else ''}"


def number(value: float | None, digits: int) -> str:
    """Nothing for what was not measured."""
    return "" if value is None else f"{value:.{digits}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(head), _line(["---", *["---:"] * (len(head) - 1)]), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_screen(markdown: str) -> str:
    """Its tables, with their columns aligned."""
    lines = markdown.splitlines()
    tables = [list(rows) for is_table, rows in groupby(lines, lambda line: line.startswith("|")) if is_table]
    return "\n\n".join(map(_aligned, tables))


def _aligned(table: Sequence[str]) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    rows = [row for row in rows if not set("".join(row)) <= set("-:")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(aligned)
