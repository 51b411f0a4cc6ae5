"""What a recalibration would change, before and after."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from local.recalibration.evidence import lower_bound
from local.recalibration.labels import Labels
from local.recalibration.propose import (
    FEWEST_AT_BLOCK,
    FEWEST_AT_REVIEW,
    UPHELD_AT_BLOCK,
    UPHELD_AT_REVIEW,
    Count,
    Effect,
    Proposal,
)

# Where nobody looks at a terminal, as in a file, a table may be as wide as it reads well.
_WIDE = 132


def open_console() -> Console:
    """Standard output; colours only where it is a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def print_labels(console: Console, labels: Labels) -> None:
    upheld = sum(label.is_upheld for label in labels.comparable)
    console.print(f"{len(labels.comparable)} labels, {upheld} upheld; classifier {labels.classifier or 'none'}.")
    if labels.left_out:
        console.print(f"Left out: {labels.left_out} that another classifier has scored.")
    console.print(
        "Only what was flagged was ever decided: the labels say how right the thresholds are from review on, nothing of what"
        f" lies below. At block at least {UPHELD_AT_BLOCK:.0%} is to be upheld, by the lower bound of the share (Wilson,"
        f" one-sided 95 %), which takes {FEWEST_AT_BLOCK} labels at least; review is raised over what is upheld in less than"
        f" {UPHELD_AT_REVIEW:.0%}, which takes {FEWEST_AT_REVIEW}."
    )


def print_proposals(console: Console, proposals: Sequence[Proposal]) -> None:
    table = Table("category", title="Thresholds")
    for column in ("labels", "upheld", "review", "block", "upheld of blocked", "at least"):
        table.add_column(column, justify="right")
    table.add_column("notes", overflow="fold")
    for each in proposals:
        before, after = each.blocked_before, each.blocked_after
        table.add_row(
            each.category.value,
            str(each.flagged.labels),
            str(each.flagged.upheld),
            _change(_threshold(each.before.review), _threshold(each.after.review)),
            _change(_threshold(each.before.block), _threshold(each.after.block)),
            _change(_of(before), _of(after)),
            _change(_bound(before), _bound(after)),
            "\n".join(each.notes),
            style="bold" if each.is_change else None,
        )
    console.print(table)


def print_effects(console: Console, before: Effect, after: Effect) -> None:
    table = Table("of the labelled items", title="What it does, all categories together")
    for column in ("before", "after"):
        table.add_column(column, justify="right")
    rows = {
        "flagged": (before.flagged, after.flagged),
        "blocked": (before.blocked, after.blocked),
        "upheld share of what is blocked": (_share(before.upheld_share), _share(after.upheld_share)),
        "false positives (blocked, and approved)": (before.false_positives, after.false_positives),
        "missed (upheld, and not flagged)": (before.missed, after.missed),
    }
    for name, (old, new) in rows.items():
        table.add_row(name, str(old), str(new), style="bold" if old != new else None)
    console.print(table)


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _threshold(value: float) -> str:
    return "never" if value > 1 else f"{value:.2f}"


def _of(count: Count) -> str:
    return f"{count.upheld}/{count.labels}" if count.labels else "-"


def _bound(count: Count) -> str:
    return _share(lower_bound(count.upheld, count.labels) if count.labels else None)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
