"""Numbers in brackets behind figures, and the list of sources that they lead to."""

from collections.abc import Iterable

from capacity.facts import Figure, Origin, Source


class References:
    """Sources get their number when a figure that rests on them is first printed."""

    def __init__(self) -> None:
        self._numbers: dict[Source, int] = {}
        self._origins: dict[Source, dict[Origin, None]] = {}

    def mark(self, *figures: Figure) -> str:
        """`[1-3,7]`: all sources of these figures."""
        return f"[{_ranges(sorted(self.numbers(*figures)))}]"

    def numbers(self, *figures: Figure) -> list[int]:
        """The sources of these figures, in the order that they came in. Raises: ValueError for a figure that has none."""
        found: dict[int, None] = {}
        for figure in figures:
            if not figure.origins:
                raise ValueError(f"a figure without a source: {figure.value} {figure.unit}")
            for origin in figure.origins:
                number = self._numbers.setdefault(origin.source, len(self._numbers) + 1)
                self._origins.setdefault(origin.source, {})[origin] = None
                found[number] = None
        return list(found)

    def sources(self) -> list[tuple[int, Source, list[Origin]]]:
        """Each with its number and the numbers that were taken from it."""
        return [(number, source, list(self._origins[source])) for source, number in self._numbers.items()]


def _ranges(numbers: Iterable[int]) -> str:
    """`1-3,7` of 1, 2, 3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
