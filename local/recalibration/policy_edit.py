"""Thresholds written into a stage's moderation file, with its comments and its order left as they are."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import tomlkit

from local.recalibration.propose import Proposal
from parley.moderation.policy import Policy, TierPolicy
from parley.moderation.policy_file import load_policy


class TierError(Exception):
    """The file says nothing of this tier; the message says what to do."""


def tier_of(policy: Policy, tier: str | None) -> TierPolicy:
    """Raises: TierError, for a tier without a table has the default's thresholds, and is changed with them."""
    if tier is None:
        return policy.default
    if tier not in policy.tiers:
        known = ", ".join(sorted(policy.tiers)) or "none"
        raise TierError(f"The policy has no table for tier {tier!r} (it has: {known}); the default's counts for it.")
    return policy.tiers[tier]


def write_thresholds(file: Path, tier: str | None, proposals: Sequence[Proposal]) -> None:
    """Those that are changes, in `[default]` or the table of `tier`; all or none. Raises: SettingsError, OSError."""
    document = tomlkit.parse(file.read_text(encoding="utf-8"))
    table = _table_in(_table_in(document, "tiers"), tier) if tier else _table_in(document, "default")
    categories = _table_in(table, "categories")
    for each in proposals:
        if each.is_change:
            thresholds = _table_in(categories, each.category.value, is_super=False)
            thresholds["review"], thresholds["block"] = each.after.review, each.after.block
    _replace(file, tomlkit.dumps(document))


def _table_in(parent: Any, name: str, *, is_super: bool = True) -> Any:
    """Made where there is none; one that `is_super` has no header of its own."""
    if name not in parent:
        parent[name] = tomlkit.table(is_super_table=is_super)
    return parent[name]


def _replace(file: Path, text: str) -> None:
    """Never half a file, nor one that would not be read."""
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=file.name, suffix=".new", delete=False
    ) as new:
        new.write(text)
    made = Path(new.name)
    try:
        load_policy(made)
        made.chmod(file.stat().st_mode)
        made.replace(file)
    finally:
        made.unlink(missing_ok=True)
