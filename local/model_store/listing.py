"""What the catalogue wants beside what the store has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table

from local.model_store.aws import Revision
from local.model_store.catalogue import Wanted
from local.model_store.view import format_bytes

State = Literal["present", "missing", "unpinned", "unused"]
_STYLES: dict[State, str] = {"present": "green", "missing": "red", "unpinned": "yellow", "unused": "dim"}


@dataclass(frozen=True, slots=True)
class Row:
    """A revision that is wanted, or one that is there and that nothing wants: `unused`."""

    folder: str
    revision: str
    state: State
    size_bytes: int
    # A push began it and did not end it.
    begun: bool = False


def compare(wanted: Sequence[Wanted], stored: Sequence[Revision]) -> list[Row]:
    """One row for each wanted model and adapter, then the revisions that the catalogue does not name."""
    by_key = {(each.folder, each.revision): each for each in stored}
    rows = [_row(each, by_key.get((each.folder, each.revision))) for each in wanted]
    named = {(each.folder, each.revision) for each in wanted}
    unused = [each for key, each in by_key.items() if key not in named]
    return rows + [Row(each.folder, each.revision, "unused", each.size_bytes, not each.whole) for each in unused]


def make_table(rows: Sequence[Row]) -> Table:
    """For a terminal."""
    table = Table("what", "revision", "state", "size", box=None, pad_edge=False)
    for row in rows:
        words = f"{row.state}, begun" if row.begun else row.state
        size = format_bytes(row.size_bytes) if row.size_bytes else ""
        table.add_row(row.folder, row.revision, f"[{_STYLES[row.state]}]{words}[/]", size)
    return table


def _row(wanted: Wanted, stored: Revision | None) -> Row:
    if wanted.pinned_revision is None:
        return Row(wanted.folder, "", "unpinned", 0)
    if stored is None:
        return Row(wanted.folder, wanted.revision, "missing", 0)
    return Row(
        wanted.folder, wanted.revision, "present" if stored.whole else "missing", stored.size_bytes, not stored.whole
    )
