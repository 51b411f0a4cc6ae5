"""Thresholds written into a stage's moderation file, with its comments and its order left as they are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from local.recalibration.propose import Proposal
from parley.moderation.policy import Policy, TierPolicy
from parley.moderation.policy_file import load_policy
from parley.settings import SettingsError


class PolicyEditError(Exception):
    """The file cannot be changed so; the message says what to do."""


def tier_of(policy: Policy, tier: str | None) -> TierPolicy:
    """Raises: PolicyEditError, for a tier without a table has the default's thresholds, and is changed with them."""
    if tier is None:
        return policy.default
    if tier not in policy.tiers:
        known = ", ".join(sorted(policy.tiers)) or "none"
        raise PolicyEditError(
            f"The policy has no table for tier {tier!r} (it has: {known}); the default's counts for it."
        )
    return policy.tiers[tier]


def write_thresholds(file: Path, tier: str | None, proposals: Sequence[Proposal]) -> None:
    """Those that are changes, in `[default]` or the table of `tier`; all or none. Raises: PolicyEditError, OSError."""
    changes = [each for each in proposals if each.is_change]
    try:
        document = tomlkit.parse(file.read_bytes())
        table = _table_in(_table_in(document, "tiers"), tier) if tier else _table_in(document, "default")
        categories = _table_in(table, "categories")
        for each in changes:
            thresholds = _table_in(categories, each.category.value, has_header=True)
            thresholds["review"], thresholds["block"] = each.after.review, each.after.block
        _replace(file, tomlkit.dumps(document), lambda policy: _has(tier_of(policy, tier), changes))
    except (ValueError, SettingsError) as error:  # the library's own are ValueErrors
        by_hand = ", ".join(f"{each.category}: {each.after.review}, {each.after.block}" for each in changes)
        raise PolicyEditError(
            f"{file} cannot be changed as it is written. By hand, review and block: {by_hand}"
        ) from error


def _table_in(parent: Any, name: str, *, has_header: bool = False) -> Any:
    """Made where there is none."""
    if name not in parent:
        is_inline = isinstance(parent, InlineTable)
        parent[name] = tomlkit.inline_table() if is_inline else tomlkit.table(is_super_table=not has_header)
    return parent[name]


def _has(policy: TierPolicy, changes: Sequence[Proposal]) -> bool:
    return all(policy.thresholds_of(each.category) == each.after for each in changes)


def _replace(file: Path, text: str, is_right: Callable[[Policy], bool]) -> None:
    """Never half a file, nor one that says anything else. Raises: SettingsError, ValueError."""
    with NamedTemporaryFile(dir=file.parent, prefix=file.name, suffix=".new", delete=False) as new:
        new.write(text.encode())
    made = Path(new.name)
    try:
        if not is_right(load_policy(made)):
            raise ValueError("what was written is not what is read")
        made.chmod(file.stat().st_mode)
        made.replace(file)
    finally:
        made.unlink(missing_ok=True)
