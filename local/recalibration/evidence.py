"""How sure a share is that was counted: Wilson's bounds, one-sided at 95 %."""

from math import sqrt

# One-sided 95 % of the normal distribution.
_Z = 1.6448536269514722
# More labels than anybody will wait for.
_MOST_MORE = 100_000


def lower_bound(hits: int, total: int) -> float:
    """The true share is over this in 95 of 100 such counts; 0 of nothing. Wilson 1927, doi:10.1080/01621459.1927.10502953"""
    if total == 0:
        return 0.0
    share, spread = hits / total, _Z**2 / total
    return max(0.0, (share + spread / 2 - sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread))


def upper_bound(hits: int, total: int) -> float:
    """The true share is under this in 95 of 100 such counts; 1 of nothing."""
    return 1 - lower_bound(total - hits, total)


def more_needed(hits: int, total: int, bound: float) -> int | None:
    """How many more of the same mix until `lower_bound` is at least `bound`; None where no number of them would do."""
    share = hits / total if total else 1.0
    low, high = 0, _MOST_MORE
    if not _would_do(share, total + high, bound):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _would_do(share, total + middle, bound) else (middle + 1, high)
    return low


def _would_do(share: float, total: int, bound: float) -> bool:
    return lower_bound(int(share * total + 1e-9), total) >= bound
